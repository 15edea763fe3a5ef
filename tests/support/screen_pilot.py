"""The screen under a pilot: open it, press keys, wait until all that they cause has happened, and read the cells."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from midwatch.engine.incident_controls import IncidentControls
from screens.widgets import background
from tests.support.panel_readings import sources
from tests.support.waiting import PATIENCE_S
from tui.app.app import MidwatchApp
from tui.app.base_app import BaseApp

Pilots = Pilot[bool]


@asynccontextmanager
async def opened(
    session: IncidentControls,
    size: tuple[int, int] = (80, 24),
    *,
    ascii: bool = False,
    environment: dict[str, str] | None = None,
    **more: Any,
) -> AsyncIterator[Pilots]:
    """The app on this desk, with still panels, when everything has come to rest."""
    app = MidwatchApp(
        session,
        ascii=ascii,
        sources=more.pop("sources", sources(session.clock)),
        environment=environment or {"TERM": "xterm-256color"},
        keymap=more.pop("keymap", {}),
        **more,
    )
    async with app.run_test(size=size) as pilot:
        await rest(pilot)
        yield pilot


async def rest(pilot: Pilots) -> None:
    """Wait until no work is running beside the loop and every key and message has been handled."""
    still = 0
    deadline = time.monotonic() + PATIENCE_S
    while still < 3:
        assert time.monotonic() < deadline, f"never at rest: {background.RUNNING}"
        await pilot.pause()
        working = [thread for thread in background.RUNNING if thread.name != "poll"]
        unheard = isinstance(pilot.app, BaseApp) and not pilot.app.key_queue.is_idle and pilot.app.screen.is_attached
        still = 0 if working or unheard else still + 1
        await asyncio.sleep(0.02)
    screen = pilot.app.screen
    if hasattr(screen, "redraw"):
        screen.redraw()
        await pilot.pause()


async def resize(pilot: Pilots, size: tuple[int, int]) -> None:
    """Give the terminal this size, and wait until everything is drawn for it."""
    if pilot.app.size != size:
        await pilot.resize_terminal(*size)
        await rest(pilot)


async def until(pilot: Pilots, condition: Callable[[], object]) -> None:
    """Wait for something that the program does by itself."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true:\n" + grid(pilot)
        await pilot.pause()
        await asyncio.sleep(0.02)


async def press(pilot: Pilots, *keys: str) -> None:
    """Press keys, and wait for what they cause."""
    for key, following in itertools.zip_longest(keys, keys[1:], fillvalue="end"):
        await pilot.press(key)
        if len(key) > 1 or len(following) > 1:  # letters in a row are typed into a field
            await rest(pilot)


def grid(pilot: Pilots) -> str:
    """What the terminal shows, without colours."""
    strips = pilot.app.screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip) for strip in strips]
    modal = pilot.app.screen
    if modal.is_modal:  # the box alone: what is below it has goldens of its own
        box = modal.query_one("#box").region
        lines = [line[box.x : box.x + box.width] for line in lines[box.y : box.y + box.height]]
    return "\n".join(line.rstrip() for line in lines) + "\n"
