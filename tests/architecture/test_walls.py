"""Imports run one way through the layers, and a command that starts quickly imports little."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "textual",
    "docker",
    "psycopg",
    "isal",
    "hypothesis",
    "platformdirs",
    "psutil",
    "yaml",
    "ahocorasick_rs",
    "boto3",
)


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    return set(result.stdout.splitlines())


def test_import_linter_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    result = subprocess.run(
        [*command, "--no-cache"], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["action", "--help"], ["drill", "--help"], ["lint", "--help"]]
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    quiet = "contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit)"
    code = f"import contextlib\nfrom tui.cli import main\nwith {quiet}:\n    main({arguments!r})"
    core = ("midwatch.runbook", "midwatch.incident", "midwatch.redaction") if arguments[0] != "action" else ()
    code += f"\nassert not [name for name in sys.modules if name in {core}]"
    assert not modules_after(code) & set(HEAVY)


def test_finding_an_action_loads_no_client() -> None:
    code = "from midwatch.api.registry import PROBES, action_names, find_action, find_probe, points_of\n"
    code += "assert action_names() and points_of(PROBES)\n"
    code += "[find_action(n) for n in action_names()]\n[find_probe(n) for n in points_of(PROBES)]"
    assert not modules_after(code) & {"textual", "docker", "psycopg", "isal"}


def test_widgets_import_no_screen() -> None:
    found = []
    for path in (ROOT / "screens" / "widgets").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found += [
                f"{path.name}: {n}" for n in names if n.startswith("screens.") and not n.startswith("screens.widgets")
            ]
    assert found == []
