"""Declaring line by line: what the runbook asks for is asked until it fits, and nothing is made before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.plain_lines import RUNBOOK, Begin, incident

pytestmark = pytest.mark.slow

ASKED = """\
inputs:
  - {name: ticket, prompt: Which ticket?, required: false}
  - {name: worst, prompt: Which is worst?, kind: choice, options: [OTC, GPS], default: GPS}
  - {name: hurt, prompt: Are users hurt?, kind: yes-no}
  - {name: seen, prompt: What was seen?, kind: text}
"""
GIVEN = {"ticket": "OPS-4711", "worst": "OTC", "hurt": "yes", "seen": "red\nred again"}


@pytest.fixture
def asking(here: Path) -> str:
    text = RUNBOOK.replace("phases:", ASKED + "phases:").replace("{from: asked.owner}", "{from: inputs.ticket}")
    (here / "asking.yaml").write_text(text.replace("id: small", "id: asking"), encoding="utf-8")
    return "asking.yaml"


def test_inputs_are_asked_one_after_the_other_until_they_fit(begin: Begin, asking: str, here: Path) -> None:
    talk = begin(asking)
    talk.answer("Declare one now, SEV-2? [Y/n, or 0 to 3 for its severity] ", "0")
    talk.answer("Which ticket? (may stay empty): ", "OPS-4711")
    talk.answer("Which is worst? OTC or GPS [GPS]: ", "ARP")
    talk.until("It takes OTC or GPS, not 'ARP'.")
    talk.answer("Which is worst? OTC or GPS [GPS]: ", "otc")
    talk.answer("Are users hurt? yes or no: ", "")
    talk.until("An answer is needed; Ctrl+C declares nothing.")
    assert not (here / "logs").exists()
    talk.answer("Are users hurt? yes or no: ", "y")
    talk.answer("What was seen? End with a line that holds only a full stop.", "red")
    talk.child.sendline("red again")
    talk.child.sendline(".")
    talk.until("Next: 1.1 Take ownership.")
    assert incident(here).inputs == GIVEN
    talk.word("w")
    talk.until("Which ticket: OPS-4711")
    talk.word("j")
    talk.until("Declared: A small incident, SEV-0")
    talk.until("Which ticket: OPS-4711")
    talk.word("q")
    assert talk.end() == 0


def test_inputs_of_the_command_line_are_not_asked(begin: Begin, asking: str, here: Path) -> None:
    talk = begin("--new", "--input", "seen=red", "--input", "ticket=a=b", "--input", "worst=OTC", asking)
    talk.answer("Are users hurt? yes or no: ", "no")
    talk.word("q")
    assert talk.end() == 0
    assert b"Which" not in talk.said.partition(b"Next:")[0].partition(b"Are users")[0]
    assert incident(here).inputs == {"ticket": "a=b", "worst": "OTC", "hurt": "no", "seen": "red"}
    again = begin("--input", "hurt=yes", asking)
    again.until("--input is for a new incident, and INC-")
    assert again.end() == 2


@pytest.mark.parametrize(("ends", "code"), [("sendintr", 130), ("sendeof", 0)])
def test_leaving_in_the_middle_declares_nothing(begin: Begin, asking: str, here: Path, ends: str, code: int) -> None:
    talk = begin(asking)
    talk.declare()
    talk.answer("Which ticket?", "OPS-1")
    talk.until("Which is worst?")
    getattr(talk.child, ends)()
    assert talk.end() == code
    assert not (here / "logs").exists()


def test_wrong_one_is_refused_before_anything_is_asked(begin: Begin, asking: str, here: Path) -> None:
    talk = begin("--input", "hurt=maybe", asking)
    assert "takes yes or no, not 'maybe'" in talk.until("Are users hurt?")
    assert talk.end() == 2
    assert not (here / "logs").exists()
