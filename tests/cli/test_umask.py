"""Whatever the umask is, nothing that Midwatch makes can be written by others."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

RUNBOOK = """\
midwatch: 1
id: fire
title: Fire
severity: SEV-2
phases:
  - id: one
    title: One
    steps:
      - {id: work, title: Work, run: "umask; : > made-by-the-step", risk: change}
      - {id: stop, title: Stop the jobs, uses: freeze, with: {reason: test}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o000, 0o027])
def test_files_under_any_umask_are_closed_to_others_and_a_step_keeps_the_operators_umask(
    tmp_path: Path, umask: int
) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    (tmp_path / "answers.yaml").write_text("{}\n")
    given = {*tmp_path.rglob("*")}
    command = ["run", "--headless", "--answers", "answers.yaml", "--export", "timeline.md"]
    program = "import sys; from tui.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        cwd=tmp_path,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    made = {*tmp_path.rglob("*")} - given
    assert (tmp_path / "timeline.md") in made, done
    assert next(tmp_path.rglob("steps/work/1/output")).read_text() == f"{umask:04o}\n", done
    assert stat.S_IMODE((tmp_path / "made-by-the-step").stat().st_mode) == 0o666 & ~umask
    loose = [path for path in made if path.name != "made-by-the-step" and path.lstat().st_mode & 0o022]
    assert [str(path) for path in loose if not path.is_symlink()] == []
