"""The command in a hint is the one that was typed: with its path where the PATH does not lead to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.system.programs import started_as


def test_program_is_named_with_its_path_and_its_runbook(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, other = here / "bin" / "midwatch", here / "other" / "midwatch"
    for file in (program, other):
        file.parent.mkdir()
        file.touch(mode=0o755)
    (here / "my runbook.yaml").touch()
    monkeypatch.setenv("PATH", f"{other.parent}:{os.environ['PATH']}")
    typed = [str(program), "--new", "my runbook.yaml", "--input", "ticket=1", "--site", "site.yaml", "--plain"]
    assert started_as(typed) == f"{program} 'my runbook.yaml' --site site.yaml"
    assert started_as([str(other)]) == "midwatch"
    assert started_as(["/usr/bin/pytest", "x"]) == "midwatch"
