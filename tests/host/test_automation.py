"""The plan's own script names: each hands over to `midwatch action` with the right words."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

AUTOMATION = Path(__file__).parents[2] / "automation"


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """A folder with a `midwatch` that prints its arguments and where it runs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "midwatch"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\necho "in $PWD"\n')
    program.chmod(0o755)
    return folder


def run(script: str, *arguments: str, recorder: Path, cwd: Path, **extra: str) -> tuple[int, list[str]]:
    environment = {"PATH": f"{recorder}:{os.environ['PATH']}"} | extra
    command = [str(AUTOMATION / script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd, env=environment, timeout=30)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["emergency-backup.sh", "arp-db-prod"], ["emergency-backup", "--target", "arp-db-prod"]),
        (["emergency-backup.sh", "arp-db-prod", "--yes"], ["emergency-backup", "--target", "arp-db-prod", "--yes"]),
        (["emergency-backup.sh", "--help"], ["emergency-backup", "--help"]),
        (["secrets-management.sh", "recover-arp"], ["reset-password", "--target", "arp-db-prod"]),
        (["secrets-management.sh", "recover", "a b", "--plan"], ["reset-password", "--target", "a b", "--plan"]),
        (
            ["secrets-management.sh", "restore", "a b", "/kept/x y.sealed", "--plan"],
            ["undo-password-reset", "--target", "a b", "--credential-backup", "/kept/x y.sealed", "--plan"],
        ),
        (["backup-restore.sh"], ["nightly-backup"]),
        (["backup-restore.sh", "--yes"], ["nightly-backup", "--yes"]),
        (["backup-restore.sh", "validate"], ["validate-backup"]),
        (["backup-restore.sh", "restore", "--help"], ["restore", "--help"]),
        (["backup-restore.sh", "swap", "--plan"], ["swap-database", "--plan"]),
        (["backup-restore.sh", "retain", "--older-than", "14 d"], ["clean-backups", "--older-than", "14 d"]),
        (["validate.sh", "--below", "80 %"], ["migration-checks", "--below", "80 %"]),
    ],
)
def test_automation_script_runs_its_action(
    recorder: Path, tmp_path: Path, command: list[str], words: list[str]
) -> None:
    code, said = run(*command, recorder=recorder, cwd=tmp_path)
    assert (code, said) == (0, ["action", *words, f"in {AUTOMATION.parent}"])
    (tmp_path / "runbook.yaml").touch()
    assert run(*command, recorder=recorder, cwd=tmp_path)[1][-1] == f"in {tmp_path}"


@pytest.mark.parametrize(
    "command",
    [
        ["emergency-backup.sh"],
        ["emergency-backup.sh", ""],
        ["secrets-management.sh"],
        ["secrets-management.sh", "recover-"],
        ["secrets-management.sh", "restore", "arp-db-prod"],
        ["backup-restore.sh", "prune"],
    ],
)
def test_wrong_call_is_bad_usage(recorder: Path, tmp_path: Path, command: list[str]) -> None:
    assert run(*command, recorder=recorder, cwd=tmp_path) == (2, [])


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_automation_scripts_pass_shellcheck() -> None:
    scripts = sorted(AUTOMATION.glob("*.sh"))
    assert len(scripts) >= 5
    done = subprocess.run(["shellcheck", *map(str, scripts)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
