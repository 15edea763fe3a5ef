"""Slips of the hand in plain lines: an answer in place of a reason, lines typed before their question, a pasted
text."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.repository import find
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from tests.support.freezes import write_freeze
from tests.support.plain_lines import PROMPT, Begin, Talk, incident, status, to_the_work

pytestmark = pytest.mark.slow


def kinds(folder: Path) -> list[str]:
    return [event.kind for event in read(find(folder / "logs", "latest").journal)]


def to_the_closure(talk: Talk, here: Path) -> None:
    """Everything settled, and a criterion that does not hold."""
    file = here / "runbook.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("below: 100 %", "below: 0 %"), encoding="utf-8")
    talk.declare()
    for step in ("1.1", "1.2", "2.1", "2.2"):
        talk.word(f"at {step}")
        talk.word("skip nobody is here")
        talk.until("skipped.")


@pytest.mark.parametrize("answer", ["n", "Yes.", "quit", "ok"])
def test_answer_never_closes_with_criteria_unmet(begin: Begin, here: Path, answer: str) -> None:
    talk = begin()
    to_the_closure(talk, here)
    talk.word("")
    talk.answer("say why", answer)
    talk.until("is no reason")
    talk.answer("say why", "")
    talk.until("It stays open.")
    assert incident(here).open
    write_freeze(here / "security/freeze.json", find(here / "logs", "latest").id)
    talk.word("close")
    talk.until("Closing lifts the freeze that this incident set: Frozen by ada")
    talk.answer("say why", "the other site took over")
    talk.until("The freeze of this incident is taken away")
    talk.until("is closed. Its record:")
    assert not incident(here).open


def test_end_of_the_input_backs_out_of_a_reason(begin: Begin, here: Path) -> None:
    talk = begin()
    talk.declare()
    talk.word("skip")
    talk.until("Take ownership skipped: ")
    talk.child.sendeof()
    talk.until("nothing more was done")
    talk.word("skip no")
    talk.answer("Take ownership skipped: ", "")
    talk.until("nothing more was done")
    assert status(here, "asked") is None
    talk.word("q")
    assert talk.end() == 0


def test_lines_typed_while_a_step_runs_consent_to_nothing(begin: Begin, here: Path) -> None:
    """Enter would plan the destruction, `y` would answer; a skip was meant for another step; a note is only words."""
    talk = begin()
    to_the_work(talk, here)
    for line in ("", "y", "skip not needed", "n saw smoke", "", "burn"):
        talk.child.sendline(line)
    (here / "hold").unlink()
    talk.until("2.1 Do the work: done")
    talk.until("Enter was typed before the prompt")
    talk.until("skip not needed was typed before the prompt")
    talk.until("Noted, event")
    talk.until("Enter was typed before the prompt")
    talk.until("'burn' is no word here")
    talk.until(PROMPT)
    assert status(here, "burn") is None
    assert not (here / "burnt").exists()
    talk.child.sendline("")
    talk.answer("type burn ", "y")
    talk.until("That is not the name.")
    assert not (here / "burnt").exists()


def test_line_typed_before_a_question_does_not_answer_it(begin: Begin, here: Path) -> None:
    """Enter and `y` in one piece: the Enter asks, the `y` came before the question."""
    (here / "hold").touch()
    talk = begin()
    talk.declare()
    talk.own()
    talk.until(PROMPT)
    talk.child.send("\ny\n")
    talk.until("Run it?")
    talk.until("y or n [n]: ")
    assert EventKind.CONFIRMED not in kinds(here)[-1:]
    talk.child.sendline("n")
    talk.until("Nothing was done.")
    assert status(here, "work") is not StepStatus.DONE
