"""An undecided step on the screen: it is next, its reason is shown, and Enter asks whether it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from tests.support.screen_pilot import grid, opened, press, until
from tests.support.undecided_incident import RUNBOOK

pytestmark = pytest.mark.slow


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    controller.skip("look", "the host is gone")
    yield controller
    controller.leave()


def status(controller: IncidentController, step: str) -> StepStatus:
    return controller.incident.status(controller.runbook.step(step))


async def test_enter_on_an_undecided_step_asks_why_it_is_needed(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await until(pilot, lambda: "Enter decide whether 1.2 is needed" in grid(pilot))
        assert "Undecided: look.urgent is not known" in grid(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: "Why is it needed?" in grid(pilot))
        await press(pilot, *"the lead wants it", "enter")
        await until(pilot, lambda: status(controller, "rollback") is StepStatus.TODO)
        await until(pilot, lambda: "Enter run 1.2" in grid(pilot))
    assert controller.incident.step("rollback").reason == "the lead wants it"


async def test_undecided_step_is_skipped_with_its_key(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await until(pilot, lambda: "decide whether 1.2" in grid(pilot))
        await press(pilot, "s")
        await until(pilot, lambda: "Why is it skipped?" in grid(pilot))
        await press(pilot, *"nothing to roll back", "enter")
        await until(pilot, lambda: status(controller, "rollback") is StepStatus.SKIPPED)
        await until(pilot, lambda: "decide whether 1.3" in grid(pilot))


CHECKED = """\
midwatch: 1
title: By check
severity: SEV-2
phases:
  - title: Change
    steps:
      - {id: one, title: One, when: {check: command, with: {run: 'echo asked >>asked; [ -e wanted ]'}}}
      - {id: two, title: Two, when: {check: command, with: {run: '[ ! -e broken ] || exit 3'}}}
"""


async def test_screen_checks_by_itself_whether_the_next_step_is_needed(here: Path) -> None:
    (here / "broken").touch()
    (here / "runbook.yaml").write_text(CHECKED, encoding="utf-8")
    checked = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    async with opened(checked, sources=[]) as pilot:
        await until(pilot, lambda: status(checked, "one") is StepStatus.NOT_NEEDED)
        await until(pilot, lambda: "evaluated: exit 3." in grid(pilot))
        await until(pilot, lambda: "Enter decide whether 1.2 is needed" in grid(pilot))
        (here / "broken").unlink()
        await press(pilot, "v")
        await until(pilot, lambda: "Enter mark 1.2 done" in grid(pilot))
        assert status(checked, "two") is StepStatus.TODO
    assert (here / "asked").read_text() == "asked\n"
    checked.leave()
