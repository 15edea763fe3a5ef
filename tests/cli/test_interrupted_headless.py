"""A headless run that is interrupted names the command that continues its incident."""

from __future__ import annotations

import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.program import MIDWATCH
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
title: Slow work
severity: SEV-2
phases:
  - title: All of it
    steps:
      - id: work
        title: Work
        risk: change
        run: |
          touch begun
          until [ -e go ]; do sleep 0.02; done
          echo ran >> ran
"""


@pytest.mark.slow
def test_interrupted_headless_run_names_the_command_that_continues_it(here: Path) -> None:
    (here / "a book").mkdir()
    book, answers = here / "a book" / "book.yaml", here / "answers.yaml"
    book.write_text(RUNBOOK, encoding="utf-8")
    answers.write_text("actor: ada\n", encoding="utf-8")
    command = [str(MIDWATCH), "run", str(book), "--headless", "--answers", str(answers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=here)
    wait_for((book.parent / "begun").exists)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    named = said.splitlines()[-1].split("under its supervisor: ")[1]
    (book.parent / "go").touch()
    words = shlex.split(named)
    assert words[0] == "midwatch"
    done = subprocess.run(
        [str(MIDWATCH), *words[1:]], capture_output=True, text=True, cwd="/", timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (book.parent / "ran").read_text(encoding="utf-8") == "ran\n"
