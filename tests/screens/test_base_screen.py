"""What is drawn of a dialog while the screen beneath changes."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from textual._compositor import ChopsUpdate
from textual.geometry import Region
from textual.widgets import TextArea

from midwatch.engine.incident_controller import IncidentController
from screens.widgets.output_view import OutputView
from tests.support.screen_pilot import opened, press


async def test_text_typed_while_the_screen_beneath_changes_is_drawn_with_it(session: IncidentController) -> None:
    drawn: list[Any] = []
    async with opened(session, sources=[]) as pilot:
        await press(pilot, "n")
        field = pilot.app.focused
        assert isinstance(field, TextArea)
        with patch("tui.app.base_app.App._display", lambda app, screen, update: drawn.append(update)):
            field.insert("typed")
            pilot.app.screen.refresh(Region(0, 0, 1, 1))  # as for a line of the screen beneath
            await pilot.pause()
        with patch.object(OutputView, "refresh") as refresh:  # of the pane beneath, which has no output to show
            await pilot.pause(0.25)
        assert not refresh.called, "each would have the whole screen drawn anew"
        rows = {y for update in drawn if isinstance(update, ChopsUpdate) for y, _, _ in update.spans}
        assert {0, field.content_region.y} <= rows
