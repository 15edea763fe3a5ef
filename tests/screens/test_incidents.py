"""The list of incidents, from the screen of one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.screen_pilot import grid, opened, press, until
from tests.support.small_incident import RUNBOOK
from tui.app.app import MidwatchApp

pytestmark = pytest.mark.slow


async def test_open_closed_and_damaged_ones_are_listed(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    first = IncidentController.declare(runbook, actor="bob@test")
    first.close(reason="a false alarm")
    (here / "logs" / "incidents" / "INC-20200101-0000-small").mkdir()
    controller = IncidentController.declare(runbook, actor="ada@test")
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "i")
        shown = " ".join(grid(pilot).split())
    controller.leave()
    assert f"▶ {controller.incident.id}" in shown
    assert "SEV-2 open" in shown
    assert "SEV-2 closed" in shown
    assert "ada@test drives" in shown
    assert "damaged" in shown


async def test_step_page_says_when_an_earlier_incident_did_the_step(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    first = IncidentController.declare(runbook, actor="bob@test")
    first.mark_done("asked", values={"owner": "bob", "bad": "no"})
    first.close(reason="a false alarm")
    controller = IncidentController.declare(runbook, actor="ada@test")
    async with opened(controller, sources=[], size=(100, 30)) as pilot:
        await until(pilot, lambda: "earlier" in grid(pilot))
        shown = " ".join(grid(pilot).split())
        assert "earlier last done less than a day ago" in shown
        assert f"Seen before: {first.incident.id}, less than a day ago, SEV-2" in shown
        controller.mark_done("asked", values={"owner": "ada", "bad": "no"})
        await press(pilot, "home")
        await until(pilot, lambda: "last done" not in grid(pilot))
    controller.leave()


async def test_enter_on_an_incident_leaves_this_one_and_opens_that(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    first = IncidentController.declare(runbook, actor="bob@test")
    first.leave()
    controller = IncidentController.declare(runbook, actor="ada@test")
    async with opened(controller, sources=[]) as pilot:
        assert isinstance(pilot.app, MidwatchApp)
        await press(pilot, "i", "enter")
        assert "Checklist" in grid(pilot), "on the one that is open already: back to it"
        await press(pilot, "i", "down", "enter", "escape")
        assert f"▶ {first.incident.id}" in grid(pilot), "it was not left"
        await press(pilot, "enter")
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.return_value)
        assert (pilot.app.following, pilot.app.left_on_purpose) == (first.incident.id, True)
    controller.leave()
