"""The start of the program: packages of somebody else with the names of ours are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(earlier: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{earlier}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", "import sys; from midwatch.__main__ import main; sys.exit(main())"]
    return subprocess.run(
        [*command, *(arguments or ("--version",))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
        cwd=earlier,
    )


@pytest.mark.parametrize("name", ["actions", "drill", "probes", "screens", "tui"])
def test_start_foreign_package_with_a_name_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('the foreign package ran')\n")
    done = start(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"midwatch: {tmp_path / name} is not a package of Midwatch, but has the name of one. "
    )
    assert "pipx install midwatch" in done.stderr


def test_start_own_packages_runs_the_command_line(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("midwatch ")


def test_action_that_a_second_package_provides_under_a_name_of_ours_is_refused(tmp_path: Path) -> None:
    info = tmp_path / "evil-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[midwatch.actions]\nfreeze = evil:Freeze\n")
    (tmp_path / "evil.py").write_text("raise SystemExit('the foreign action ran')\n")
    (tmp_path / "runbook.yaml").write_text(
        "midwatch: 1\nid: a\ntitle: A\nseverity: SEV-2\nphases: [{title: P, steps: [{title: S, uses: freeze}]}]\n"
    )
    done = start(tmp_path, "action", "freeze", "--plan")
    assert done.returncode == 2, done
    assert "Two packages provide the action 'freeze': " in done.stderr + done.stdout
    assert "evil (evil:Freeze)" in done.stderr + done.stdout
