"""An edited runbook on the screen: said when it is opened, shown and adopted by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.screen_pilot import grid, opened, press, until
from tests.support.small_incident import RUNBOOK

pytestmark = pytest.mark.slow


async def test_edited_runbook_is_said_and_adopted(here: Path) -> None:
    file = here / "runbook.yaml"
    file.write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(file), actor="ada@test")
    file.write_text(RUNBOOK.replace("title: Burn it", "title: Burn it all"), encoding="utf-8")
    async with opened(controller, sources=[], size=(120, 40)) as pilot:
        await until(pilot, lambda: "edited since the declaration: changed burn" in grid(pilot))
        await press(pilot, "equals_sign")
        await until(pilot, lambda: "Why go on by it?" in grid(pilot))
        assert "title: Burn it all" in grid(pilot)
        await press(pilot, *"a clearer word", "enter")
        await until(pilot, lambda: "2.2 Burn it all" in grid(pilot))
    controller.leave()
