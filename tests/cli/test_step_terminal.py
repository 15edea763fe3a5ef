"""A step that has the person's terminal: on the screen (tmux) and in plain lines; left, killed, gone back to."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from midwatch.incident.step_status import StepStatus
from tests.support.plain_lines import Talk
from tests.support.program import MIDWATCH, midwatch_text
from tests.support.pty_child import end_child
from tests.support.real_terminal import Terminal, incident, status

pytestmark = [
    pytest.mark.slow,
    *(
        pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")
        for program in ("tmux", "vim")
    ),
]

RUNBOOK = """\
midwatch: 1
id: sits
title: Somebody sits at it
severity: SEV-3
phases:
  - title: All of it
    steps:
      - id: talk
        title: Talk to it
        risk: change
        terminal: true
        run: |
          echo "size $(stty size)"
          while printf 'repl> '; read -r line; do
            case $line in quit) break;; size) stty size;; *) echo "you said $line, $API_TOKEN";; esac
          done
        secrets: {API_TOKEN: {command: "printf %s-%s geheim geheim-77", as: variable}}
      - {id: edit, title: Edit it, risk: change, terminal: true, run: vim -u NONE -N file}
"""


@pytest.fixture
def terminal(here: Path) -> Iterator[Terminal]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "file").write_text("first line\n", encoding="utf-8")
    terminal = Terminal(here)
    yield terminal
    terminal.end()


def to_the_terminal(terminal: Terminal) -> None:
    terminal.keys(f"{MIDWATCH} --new runbook.yaml", "Enter")
    terminal.until("Enter run 1.1")
    terminal.press("Enter", "Esc cancel")
    terminal.press("y", "size 24 80")


def test_step_has_the_terminal_of_the_screen_which_comes_back_after_it(terminal: Terminal, here: Path) -> None:
    to_the_terminal(terminal)
    terminal.type("hello\r")
    terminal.until("you said hello, geheim-geheim-77")  # who sits at it sees it as it is
    terminal.ask("resize-window", "-x", "100", "-y", "30")
    terminal.enter("size\r", "30 100")
    terminal.keys("C-\\")
    terminal.until("Enter go to the terminal of 1.1")
    terminal.press("Enter", "you said hello, geheim-geheim-77")
    terminal.type("quit\r")
    terminal.until(lambda: status(here, "talk") is StepStatus.DONE)
    terminal.until("Enter run 1.2")
    terminal.press("Enter", "Esc cancel")
    terminal.press("y", "first line")
    terminal.type("Aand more\x1b:wq\r")
    terminal.until(lambda: status(here, "edit") is StepStatus.DONE)
    assert (here / "file").read_text(encoding="utf-8") == "first lineand more\n"
    (output,) = here.glob("logs/incidents/*/steps/talk/1/output")
    assert "you said hello, [secret API_TOKEN]" in output.read_text()
    texts = "".join(path.read_text(errors="replace") for path in here.glob("logs/**/*") if path.is_file())
    assert "geheim-geheim-77" not in texts
    terminal.until("Enter close the incident")


def test_screen_that_is_killed_leaves_the_step_which_the_next_one_goes_back_to(terminal: Terminal, here: Path) -> None:
    to_the_terminal(terminal)
    terminal.type("before\r")
    terminal.until("you said before")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.until("The screen was killed")
    terminal.keys("clear", "Enter")
    terminal.keys(f"{MIDWATCH} runbook.yaml", "Enter")
    terminal.until("Enter go to the terminal of 1.1")
    terminal.press("Enter", "you said before, geheim-geheim-77")
    terminal.type("after\r")
    terminal.until("you said after")
    terminal.type("quit\r")
    terminal.until(lambda: status(here, "talk") is StepStatus.DONE)
    assert len(incident(here).step("talk").attempts) == 1


def test_plain_lines_give_their_terminal_and_come_back(here: Path) -> None:
    (here / "file").write_text("first line\n", encoding="utf-8")
    talk = Talk(here, "--plain", "runbook.yaml", runbook=RUNBOOK)
    try:
        talk.declare()
        talk.word("")
        talk.answer("Run it?", "y")
        talk.until("It has this terminal now. Ctrl+\\ leaves it, and the step goes on.")
        talk.answer("repl> ", "hello")
        talk.until("you said hello")
        talk.child.send("\x1c")
        talk.until("goes on. Enter goes back to its terminal.")
        talk.word("")
        talk.until("you said hello")
        talk.child.sendline("quit")
        talk.until("1.1 Talk to it: done")
        talk.word("q")
        talk.child.expect_exact(pexpect.EOF)
    finally:
        end_child(talk.child)


def test_headless_refuses_before_anything_is_declared(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "answers.yaml").write_text("actor: ada@test\n", encoding="utf-8")
    ran = midwatch_text("run", "runbook.yaml", "--headless", "--answers", "answers.yaml", cwd=here)
    assert ran.returncode == 2
    assert "Step talk needs a person at its terminal, and nobody is there" in ran.stderr
    assert not (here / "logs").exists()
