"""What is drawn of a dialog while the screen beneath changes, and how a screen ends."""

from __future__ import annotations

import gc
import threading
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from textual._compositor import ChopsUpdate
from textual.geometry import Region
from textual.widgets import TextArea
from textual.worker import WorkerError

from midwatch.engine.incident_controller import IncidentController
from screens.incident.screen import IncidentScreen
from tests.support.screen_pilot import opened, press, until
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.slow


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
        rows = {y for update in drawn if isinstance(update, ChopsUpdate) for y, _, _ in update.spans}
        assert {0, field.content_region.y} <= rows


async def test_result_that_comes_while_the_screen_ends_is_not_shown_in_widgets_that_are_gone(
    session: IncidentController,
) -> None:
    """The poll hands its news over when the widgets have ended and the screen has not."""
    polling, ending, ended = threading.Event(), threading.Event(), IncidentScreen.on_unmount

    def poll() -> list[str]:
        polling.set()
        assert ending.wait(PATIENCE_S)
        return ["alert-received"]

    async def on_unmount(screen: IncidentScreen) -> None:
        assert not screen.children
        ending.set()
        with suppress(WorkerError):
            await screen.workers.wait_for_complete([worker for worker in screen.workers if not worker.is_finished])
        ended(screen)

    with patch.object(session, "poll", poll), patch.object(IncidentScreen, "on_unmount", on_unmount):
        async with opened(session, sources=[]) as pilot:
            await until(pilot, polling.is_set)
    assert ending.is_set()


async def test_work_of_a_screen_that_ends_before_the_work_began_is_forgotten(
    session: IncidentController, recwarn: pytest.WarningsRecorder
) -> None:
    async with opened(session, sources=[]) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, IncidentScreen)
        screen.commands.press("note")
        screen.plan_cache.forget_all()
        screen.redraw()  # has the step under the cursor planned
        assert [worker for worker in screen.workers if not worker.is_finished]
        screen.workers.cancel_all()
        await pilot.pause()
        assert pilot.app.screen is screen
        gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]
