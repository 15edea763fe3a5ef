"""A server that is not the pinned one, said to be the right one: in plain lines, and by the answers file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pexpect
import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.runbook.loader import load
from midwatch.system.errors import BadInput, Exit, Refused
from tests.consent.conftest import ONE_STEP, write_site
from tests.support.postgres import Server

pytestmark = pytest.mark.postgres
MIDWATCH = Path(sys.executable).with_name("midwatch")
WRONG = "1234567890123456789"


def written(here: Path, made: Server) -> Path:
    write_site(here, made, system_identifier=WRONG)
    (here / "runbook.yaml").write_text(ONE_STEP)
    return here / "runbook.yaml"


def test_plain_lines_ask_for_the_reason_and_go_on(here: Path, first: Server) -> None:
    written(here, first)
    environment = os.environ | {"TERM": "dumb", "LC_ALL": "C.UTF-8"}
    child = pexpect.spawn(str(MIDWATCH), ["--plain"], cwd=here, env=environment, timeout=60, encoding="utf-8")
    child.expect_exact("Declare one now")
    child.sendline("y")
    child.expect_exact("PRODUCTION.")
    child.expect_exact("\r\n> ")
    child.sendline("")
    child.expect_exact("ARP is not the pinned server")
    child.expect_exact("say why; Enter alone leaves it as it was pinned: ")
    child.sendline("the site file is old")
    child.expect_exact("Pinned anew")
    child.expect_exact("This is PRODUCTION. Run it?")
    child.sendline("y")
    child.expect_exact("1.1 Save it: done")
    child.close(force=True)


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
