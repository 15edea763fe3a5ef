"""The front end of lines on a real terminal, as a person has it: words in, sentences out."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

from midwatch.engine.repository import find
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from tests.support.program import MIDWATCH
from tests.support.pty_child import end_child

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
roles:
  boss: {name: The boss, notify_when: when the work fails}
comms: {channel: "#inc", update_every: 15 min}
panels:
  disk: {paths: [.], warn: 99 %, critical: 100 %}
phases:
  - title: Look
    section: "1"
    steps:
      - id: asked
        title: Take ownership
        why: Somebody has to decide.
        questions: [{name: owner, prompt: Who owns it?}, {name: bad, prompt: Is it bad?, kind: yes-no}]
      - id: look
        title: Look around
        run: echo "seen by $WHO"
        env: {WHO: {from: asked.owner}}
        risk: observe
        depends_on: [asked]
  - title: Work
    section: "2"
    steps:
      - id: work
        title: Do the work
        run: |
          echo begun
          [ ! -e fail ] || { echo "ERROR it broke" >&2; exit 7; }
          while [ -e hold ]; do sleep 0.05; done
          [ ! -e hostile ] || cat hostile
          echo ran >> ran
        risk: change
        on_failure: {notify: [boss], advice: Try again.}
      - {id: burn, title: Burn it, run: echo burnt >> burnt, risk: destroy}
closure:
  - {title: Disk not full, check: disk, with: {path: ., below: 100 %}}
"""
PROMPT = "\r\n> "


class Talk:
    """One session. `said` is every byte that reached the terminal."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        term: str = "dumb",
        become: Callable[[], None] | None = None,
        runbook: str | None = RUNBOOK,
    ) -> None:
        """`become` makes the process another person's. Without a `runbook` that of the folder stays."""
        self._said = io.BytesIO()
        if runbook is not None:
            (folder / "runbook.yaml").write_text(runbook, encoding="utf-8")
        environment = os.environ | {"TERM": term, "LC_ALL": "C.UTF-8"}
        self.child = pexpect.spawn(
            str(MIDWATCH),
            list(arguments),
            cwd=folder,
            env=environment,
            timeout=30,
            dimensions=(24, 80),
            preexec_fn=become,
        )
        self.child.logfile_read = self._said
        self.child.delaybeforesend = None

    def until(self, text: str) -> str:
        """Wait for these words; what was said before them."""
        self.child.expect_exact(text)
        return self.child.before.decode()

    def word(self, word: str) -> None:
        """Say a word at the prompt."""
        self.until(PROMPT)
        self.child.sendline(word)

    def answer(self, question: str, answer: str) -> None:
        """Answer a question."""
        self.until(question)
        self.child.sendline(answer)

    def declare(self) -> None:
        self.answer("Declare one now", "y")

    def own(self) -> None:
        """Do the first two steps."""
        self.word("")
        self.answer("Is it done?", "y")
        self.answer("Who owns it?", "ada")
        self.answer("Is it bad?", "no")
        self.answer("A note", "")
        self.word("")
        self.until("1.2 Look around: done")

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        self.child.expect_exact(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -1)

    def hang_up(self) -> None:
        """The line is gone: the kernel sends SIGHUP."""
        self.child.ptyproc.fileobj.close()
        self.child.ptyproc.closed = self.child.closed = True

    @property
    def said(self) -> bytes:
        return self._said.getvalue()


@contextmanager
def talking(folder: Path, *arguments: str) -> Iterator[Talk]:
    """A session on the runbook of the folder, on a terminal that could do more; ended at the end."""
    talk = Talk(folder, *arguments, term="xterm-256color", runbook=None)
    try:
        yield talk
    finally:
        end_child(talk.child)


Begin = Callable[..., Talk]


def incident(folder: Path) -> Incident:
    return reduce(read(find(folder / "logs", "latest").journal))


def status(folder: Path, step: str) -> StepStatus | None:
    state = incident(folder).steps.get(step)
    return state.status if state else None


def to_the_work(talk: Talk, folder: Path) -> None:
    """Do the first two steps and start the third, which holds."""
    (folder / "hold").touch()
    talk.declare()
    talk.own()
    talk.word("")
    talk.answer("Run it?", "y")
    talk.until("  begun")
