"""An incident with two closing criteria by command, closed by each of the three front ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import Answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import find
from midwatch.incident.events import EventKind
from midwatch.journal.reader import read
from midwatch.runbook.loader import load
from midwatch.system.errors import Exit
from tests.support.plain_lines import Talk, talking
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: certificates
title: Certificates expire
severity: SEV-2
phases:
  - title: Renew
    steps:
      - id: renew
        title: Renew it
        run: |
          echo 90 >days
          echo "host=shop" >>"$STEP_OUTPUT"
        outputs: [host]
        risk: change
        preconditions:
          - {title: It expires soon, check: command, with: {run: '[ "$(cat days)" -lt 30 ] && echo it does'}}
closure:
  - title: Valid for a month
    check: command
    with: {run: 'days=$(cat days); echo "$days days left | days=$days;30:;7:"; [ "$days" -ge 30 ]'}
  - title: The host answers
    check: command
    with:
      env: {HOST: {from: renew.host}}
      run: |
        [ ! -e hung ] || sleep 600
        echo "$HOST answers"
      timeout: 5 s
"""


@pytest.fixture(autouse=True)
def _expiring(here: Path) -> Iterator[None]:
    (here / "days").write_text("5")
    yield
    criteria = [
        event.body for event in read(find(here / "logs", "latest").journal) if event.kind == EventKind.CRITERION
    ]
    assert [(body["criterion"], body["met"], body["detail"]) for body in criteria[-2:]] == [
        ("valid-for-a-month", True, "90 days left"),
        ("the-host-answers", True, "shop answers"),
    ]


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


def test_headless_closes_an_incident_whose_commands_hold(controller: IncidentController) -> None:
    said: list[str] = []
    plan = controller.plan("renew")
    assert ("requires", 'It expires soon: [ "$(cat days)" -lt 30 ] && echo it does') in plan.facts
    assert headless.run(controller, Answers("answers.yaml"), said.append) is Exit.DONE
    assert "met      The host answers: shop answers" in said


async def test_screen_shows_the_script_of_a_criterion_then_what_it_found(
    controller: IncidentController, here: Path
) -> None:
    async with opened(controller, (100, 40), sources=[]) as pilot:
        await until(pilot, lambda: "Enter run 1.1" in grid(pilot))
        assert "It expires soon: [ " in grid(pilot), "the plan shows the script"
        await until(pilot, lambda: "holds" in grid(pilot))
        await press(pilot, "enter", "y")
        await until(pilot, lambda: "close the incident" in grid(pilot))
        (here / "hung").touch()
        await pilot.press("c")
        await until(pilot, lambda: 'echo "$HOST answers"' in grid(pilot))
        await until(pilot, lambda: "are not met" in grid(pilot))
        (here / "hung").unlink()
        assert "did not end within 5 s" in grid(pilot)
        await press(pilot, "ctrl+r", "tab")  # the focus stays where it is seen, also while it evaluates
        await until(pilot, lambda: "All are met." in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: not controller.incident.open)


def test_plain_lines_say_the_script_before_it_runs_and_close(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    with talking(here, "--plain") as talk:
        _close(talk)


def _close(talk: Talk) -> None:
    talk.declare()
    talk.word("")
    talk.until("requires: It expires soon: [ ")
    talk.until("Required: It expires soon: met. it does")
    talk.answer("Run it?", "y")
    talk.word("")
    talk.until("Valid for a month runs: days=$(cat days); echo")
    talk.until("met: Valid for a month. 90 days left")
    talk.answer("Close", "y")
    talk.until("is closed")
