"""The command line as a person meets it: exit codes, one sentence a fault, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tui.cli import COMMANDS, main

MIDWATCH = Path(sys.executable).parent / "midwatch"


def midwatch(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MIDWATCH, *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=cwd, input=stdin
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, here: Path) -> None:
    result = midwatch(command, "--help", cwd=here)
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: midwatch {command}")


def test_the_front_door_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"  {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "There is no runbook.yaml in this folder"),
        (["nowhere.yaml"], 2, "nowhere.yaml"),
        (["run", "nowhere.yaml"], 2, "--headless"),
        (["run", "nowhere.yaml", "--headless"], 2, "--answers"),
        (["show"], 2, "incident"),
        (["verify", "INC-1"], 2, "incident"),
        (["action", "emergency-bakcup"], 2, "Did you mean 'emergency-backup'?"),
        (["check", "emergency-backup", "--target", "x"], 2, "runbook"),
        (["drill"], 2, "The screen needs a terminal"),
    ],
)
def test_bad_usage_is_one_sentence(arguments: list[str], code: int, sentence: str, here: Path) -> None:
    result = midwatch(*arguments, cwd=here)
    assert result.returncode == code
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_no_secret_is_in_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: list[str]) -> int:
        raise RuntimeError("correct-horse at postgresql://u:hunter22@h/d")

    monkeypatch.setenv("ARP_PASSWORD", "correct-horse")
    monkeypatch.setattr("tui.cli._run", broken)
    assert main(["show"]) == 1
    *trace, last = capsys.readouterr().err.splitlines()
    assert (
        last
        == "midwatch: This is a fault of Midwatch: RuntimeError: [secret ARP_PASSWORD] at postgresql://u:[secret-shaped]@h/d."
    )
    assert trace[0].startswith("Traceback")
    assert "RuntimeError: [secret ARP_PASSWORD] at" in trace[-1]


def test_checks_are_listed(here: Path) -> None:
    names = {line.split()[0] for line in midwatch("check", cwd=here).stdout.splitlines()}
    assert {"disk", "backup", "nightly", "password", "services", "rca", "follow-ups"} <= names
    assert "emergency-backup" not in names


def test_lint_prints_json(here: Path) -> None:
    (here / "bad.yaml").write_text("midwatch: 1\nid: x\ntitel: y\n")
    result = midwatch("lint", "--json", "bad.yaml", cwd=here)
    assert result.returncode == 2
    errors = json.loads(result.stdout)
    assert any(error["line"] == 3 and "titel" in error["error"] for error in errors)


def test_a_reader_that_leaves_is_no_error(here: Path) -> None:
    result = subprocess.run(
        f"{MIDWATCH} schema | head -c 1", shell=True, capture_output=True, text=True, timeout=60, check=False, cwd=here
    )
    assert result.stdout == "{"
    assert result.stderr == ""
