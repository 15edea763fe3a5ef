"""`midwatch close` and `midwatch abandon`: an incident ends from a shell, by whoever may drive it."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import find
from midwatch.runbook.loader import load
from tests.support.line_operator import Operator
from tests.support.program import midwatch
from tests.support.screen_pilot import grid, opened, press, until
from tests.support.steps import ended
from tui.plain.session import Session

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: ends
title: An end
severity: SEV-2
phases:
  - {title: Work, steps: [{id: wait, title: Wait, run: "while [ ! -e go ]; do sleep 0.05; done", risk: observe}]}
closure:
  - {id: fixed, title: It is fixed, check: command, with: {run: test -e fixed}}
"""


@pytest.fixture
def controller(here: Path) -> IncidentController:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    return IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")


def said(here: Path, *arguments: str) -> tuple[int, str]:
    done = midwatch(*arguments, cwd=here)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_close_evaluates_the_criteria_and_takes_a_reason_for_those_not_met(
    controller: IncidentController, here: Path
) -> None:
    code, text = said(here, "close")
    assert code == 1
    assert "ada@test drives" in text
    controller.leave()
    code, text = said(here, "close")
    assert code == 1
    assert "not met  It is fixed" in text
    assert "1 of 1 closure criteria are not met" in text
    assert find(here / "logs", "latest")
    code, text = said(here, "close", "--reason", "the rest is for tomorrow")
    assert code == 0, text
    assert "Not concluded: 1.1." in text
    assert " is closed. Its record: " in text
    assert "the rest is for tomorrow" in said(here, "export")[1]
    assert said(here, "close") == (1, "midwatch: The incident is closed. Declare a new one.\n")


def test_close_needs_no_reason_when_all_is_met(controller: IncidentController, here: Path) -> None:
    controller.leave()
    (here / "fixed").touch()
    code, text = said(here, "close")
    assert code == 0
    assert text.startswith("met      It is fixed")


def test_abandoned_incident_is_a_state_of_its_own(controller: IncidentController, here: Path) -> None:
    controller.start("wait", controller.plan("wait"))
    controller.leave()
    code, text = said(here, "abandon", "--reason", "it was a drill of the alerting")
    assert code == 1
    assert "Wait is running" in text
    (here / "go").touch()
    again = IncidentController.resume(controller.folder, actor="ada@test", own=controller.runbook)
    ended(again, "wait")
    again.leave()
    assert said(here, "abandon")[0] == 2
    code, text = said(here, "abandon", "--reason", "it was a drill of the alerting")
    assert code == 0, text
    assert " is abandoned. " in text
    assert f"{controller.folder.id}  SEV-2  abandoned " in said(here, "incidents")[1]
    assert "  abandoned 20" in said(here, "show")[1]
    assert said(here, "verify")[0] == 0
    assert ", abandoned" in said(here, "handoff")[1]
    for document in (said(here, "export")[1], said(here, "export", "--post-mortem")[1]):
        assert "| Abandoned | " in document
        assert "(it was a drill of the alerting)" in document
        assert "| Resolved | none | it was no incident |" in document
    assert "closed" not in said(here, "incidents")[1]


async def test_incident_is_abandoned_on_the_screen(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "number_sign")
        await until(pilot, lambda: "Why is it no incident?" in grid(pilot))
        await press(pilot, *"a false alarm", "enter")
        await until(pilot, lambda: "ABANDONED  after" in grid(pilot))
        await until(pilot, lambda: "! ABANDONED. Not concluded: 1.1" in grid(pilot))  # after the news of it
    assert controller.incident.abandoned == "a false alarm"


def test_incident_is_abandoned_in_plain_lines(controller: IncidentController) -> None:
    operator = Operator(["abandon a false alarm"])
    Session(controller, operator).run()
    assert controller.incident.word == "abandoned"
    assert "The incident is abandoned. q leaves. Enter shows the last events." in operator.said
