"""What was typed in plain lines and not written survives Ctrl+C, a refusal and the end of the program."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from midwatch.engine.repository import find
from midwatch.journal.reader import read
from tests.support.plain_lines import PROMPT, Begin

pytestmark = pytest.mark.slow


def last_text(folder: Path) -> object:
    return read(find(folder / "logs", "latest").journal)[-1].body.get("text")


def test_text_typed_in_lines_survives_ctrl_c_a_refusal_and_a_termination(begin: Begin, here: Path) -> None:
    talk = begin()
    talk.declare()
    talk.word("n")
    talk.until("full stop.")
    talk.child.sendline("  the mount")
    talk.child.send("was rea")
    talk.child.sendintr()
    talk.until("Stopped; nothing more was done. What you typed is kept; the same word offers it again.")
    talk.word("n")
    talk.until("A draft of yours:   the mount\r\nwas rea\r\n+ takes it, + and text goes on with it.\r\n")
    talk.child.sendline("+d-only")
    talk.child.sendline(".")
    talk.answer("When, if not now", "")
    talk.until("Noted")
    assert last_text(here) == "the mount\nwas read-only"
    talk.until(PROMPT)
    talk.child.send("n at no")
    talk.child.sendintr()
    talk.answer("Leave? What you typed is lost then", "n")
    talk.until("A draft of yours: n at no\r\n")
    talk.word("+on")
    talk.until("Noted")
    assert last_text(here) == "at noon"
    talk.word("sev")
    talk.answer("How bad is it", "2")
    talk.answer("Why: ", "no")
    talk.until("is no reason")
    talk.answer("Why: ", "it is worse")
    talk.until("What you typed is kept")
    talk.word("sev")
    talk.answer("How bad is it", "1")
    talk.until("A draft of yours: it is worse\r\n")
    talk.answer("Why: ", "+ than thought")
    talk.until("It is SEV-1 now.")
    talk.word("n")
    talk.until("full stop.\r\n")
    talk.child.sendline("nobody reads")
    talk.child.send("thi")
    talk.child.expect_exact("thi")
    talk.child.kill(signal.SIGTERM)
    talk.until("Not written, and lost with this session: nobody reads / thi")
    talk.end()
