"""Loops on the screen: one entry that unfolds, one consent for all items, one key for all that observes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from screens.widgets.checklist import Checklist
from tests.support.looped_runbook import RUNBOOK
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


def status(controller: IncidentController, step: str) -> StepStatus:
    return controller.incident.status(controller.runbook.step(step))


async def test_loop_unfolds_and_its_items_run_by_one_consent(controller: IncidentController, here: Path) -> None:
    (here / "fail-web2").touch()
    async with opened(controller, (110, 36), sources=[]) as pilot:
        assert "0 of 2" in grid(pilot)
        assert "Read web1 " not in grid(pilot)
        await press(pilot, "asterisk")
        await until(pilot, lambda: status(controller, "load") is StepStatus.DONE)
        await until(pilot, lambda: "Enter run 2.1" in grid(pilot))
        shown = grid(pilot)
        assert "items    3 to do" in shown
        assert "web2: whatever this command changes" in shown
        await press(pilot, "enter")
        await until(pilot, lambda: "3: web1, web2, web3" in grid(pilot))
        await press(pilot, "y")
        await until(pilot, lambda: status(controller, "renew") is StepStatus.FAILED)
        await press(pilot, "full_stop")
        await until(pilot, lambda: "items    1 done, 1 failed, 1 to do" in grid(pilot))
        await press(pilot, "right", "down", "down")
        await until(pilot, lambda: "2.1.2 Renew: web2" in grid(pilot))
        (here / "fail-web2").unlink()
        await until(pilot, lambda: "Enter run 2.1.2 again" in grid(pilot))
        await press(pilot, "enter", "y")
        await until(pilot, lambda: status(controller, "renew[web2]") is StepStatus.DONE)
        assert status(controller, "renew[web3]") is StepStatus.TODO
        await press(pilot, "left")
        await until(pilot, lambda: "2.1.2 Renew" not in pilot.app.screen.query_one("#checklist", Checklist).plain())
        assert "2 of 3" in grid(pilot)
        await press(pilot, "minus")
        await until(pilot, lambda: "Why is it undone?" in grid(pilot))
        await press(pilot, *"early", "enter")
        await until(pilot, lambda: "2: web2, web1" in grid(pilot))
        await press(pilot, "y")
        await until(pilot, lambda: status(controller, "renew[web1]") is StepStatus.TODO)
        assert (here / "undone").read_text(encoding="utf-8") == "web2\nweb1\n"
