"""The palette does what a key does, and offers only what can be done now."""

from __future__ import annotations

import pytest

from midwatch.engine.incident_controller import IncidentController
from screens.dialogs.palette import Palette
from screens.widgets.form import Form
from tests.support.screen_pilot import grid, opened, press

pytestmark = pytest.mark.slow


async def test_palette_entry_when_chosen_is_done(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "colon", *"write note", "enter")
        assert isinstance(pilot.app.screen, Form)


async def test_arrows_choose_and_nothing_found_does_nothing(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "colon", *"zzz", "enter")
        assert isinstance(pilot.app.screen, Palette)
        assert "Nothing is like that." in grid(pilot)
        await press(pilot, "backspace", "backspace", "backspace", "down", "up", "escape")
        assert "Emergency backup of ARP" in grid(pilot)


async def test_observer_is_offered_nothing_that_writes(session: IncidentController) -> None:
    async with opened(IncidentController.observe(session.folder, actor="eve@test")) as pilot:
        await press(pilot, "colon", *"with a reason")
        assert "Nothing is like that." in grid(pilot)
