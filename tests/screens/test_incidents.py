"""The list of incidents, from the screen of one of them."""

from __future__ import annotations

from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.screen_pilot import grid, opened, press
from tests.support.small_incident import RUNBOOK


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
    assert "midwatch --incident ID" in shown
