"""What is drawn of a dialog while the screen beneath changes."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from textual._compositor import ChopsUpdate
from textual.geometry import Region
from textual.widgets import TextArea

from midwatch.engine.incident_controller import IncidentController
from tests.support.screen_pilot import opened, press


async def test_text_typed_while_the_screen_beneath_changes_is_drawn_with_it(session: IncidentController) -> None:
    drawn: list[Any] = []
    async with opened(session, sources=[]) as pilot:
        await press(pilot, "n")
        screen, field = pilot.app.screen, pilot.app.focused
        assert isinstance(field, TextArea)
        with patch.object(pilot.app, "_display", lambda _, update: drawn.append(update)):
            field.refresh(Region(0, 0, 5, 1))  # a letter was typed
            screen._dirty_widgets.add(field)
            screen.refresh(Region(0, 0, 1, 1))  # and a line of the screen beneath changed
            screen._on_timer_update()
        (update,) = drawn
        assert isinstance(update, ChopsUpdate)
        assert {0, field.content_region.y} <= {y for y, _, _ in update.spans}
