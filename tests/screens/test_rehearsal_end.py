"""Leaving a rehearsal says that everything is deleted, and keeps its timeline where the operator wants that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.rehearsal_end import RehearsalEnd
from midwatch.runbook.loader import load
from midwatch.system.errors import Failed
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: night
title: A rehearsal
severity: SEV-2
environment: rehearsal
phases:
  - {title: Work, steps: [{id: look, title: Look}]}
"""


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


async def test_leave_of_a_rehearsal_says_that_all_is_deleted_and_exports_the_timeline(
    controller: IncidentController, here: Path
) -> None:
    kept = here / "drill.md"

    def export() -> Path:
        kept.write_text("the timeline", encoding="utf-8")
        return kept

    async with opened(controller, rehearsal=RehearsalEnd(export)) as pilot:
        await press(pilot, "q")
        await until(pilot, lambda: "its files and its record" in grid(pilot) and "are deleted." in grid(pilot))
        assert "stays open" not in grid(pilot)
        await press(pilot, "e")
        await until(pilot, lambda: "The timeline is in" in grid(pilot))
        assert kept.read_text(encoding="utf-8") == "the timeline"
        await press(pilot, "y")
    assert pilot.app.return_value is True


async def test_export_of_a_rehearsal_that_fails_is_said_and_the_dialog_stays(controller: IncidentController) -> None:
    def export() -> Path:
        raise Failed("drill.md cannot be written: No space left on device")

    async with opened(controller, rehearsal=RehearsalEnd(export)) as pilot:
        await press(pilot, "q", "e")
        await until(pilot, lambda: "No space left on device" in grid(pilot))
        assert "Leave the screen?" in grid(pilot)


async def test_leave_of_an_incident_that_stays_open_offers_no_export(controller: IncidentController) -> None:
    async with opened(controller) as pilot:
        await press(pilot, "q")
        await until(pilot, lambda: "stays open" in grid(pilot))
        assert "export the timeline" not in grid(pilot)
        await press(pilot, "e")
        assert "Leave the screen?" in grid(pilot)
