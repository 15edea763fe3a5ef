"""A server that is not the pinned one, said to be the right one: in plain lines, and by the answers file."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.runbook.loader import load
from midwatch.system.errors import BadInput, Exit, Refused
from tests.support.pinned_site import ONE_STEP, write_site
from tests.support.plain_lines import talking
from tests.support.postgres import Server

pytestmark = pytest.mark.postgres
WRONG = "1234567890123456789"


def written(here: Path, made: Server) -> Path:
    write_site(here, made, system_identifier=WRONG)
    (here / "runbook.yaml").write_text(ONE_STEP)
    return here / "runbook.yaml"


def test_plain_lines_ask_for_the_reason_and_go_on(here: Path, first: Server) -> None:
    written(here, first)
    with talking(here, "--plain") as talk:
        talk.declare()
        talk.until("PRODUCTION.")
        talk.word("")
        talk.until("ARP is not the pinned server")
        talk.answer("say why; Enter alone leaves it as it was pinned: ", "the site file is old")
        talk.until("Pinned anew")
        talk.answer("This is PRODUCTION. Run it?", "y")
        talk.until("1.1 Save it: done")


def test_answers_say_why_or_the_step_is_refused(here: Path, first: Server) -> None:
    runbook = load(written(here, first), site=here / "site.yaml")
    controller = IncidentController.declare(runbook, actor="ada@test")
    answers = here / "answers.yaml"
    answers.write_text("default_manual: {note: done}\n")
    with pytest.raises(Refused, match="ARP is not the pinned server"):
        headless.run(controller, load_answers(answers, runbook), lambda _: None)
    answers.write_text("pin_anew: {arq: typo}\n")
    with pytest.raises(BadInput, match="Unknown key 'arq'"):
        load_answers(answers, runbook)
    answers.write_text("pin_anew: {arp: the site file is old}\n")
    said: list[str] = []
    assert headless.run(controller, load_answers(answers, runbook), said.append) is Exit.DONE
    assert {"environment: PRODUCTION", "    change in PRODUCTION"} <= set(said)
    (event,) = (event for event in controller.events if event.kind == EventKind.PINNED)
    assert event.body["reason"] == "the site file is old"
