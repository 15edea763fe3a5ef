"""The screen under a pilot: open it, press keys, wait until all that they cause has happened, and read the cells."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, TextArea

from midwatch.engine.incident_protocols import IncidentControls
from screens.widgets import background
from tests.support.panel_readings import sources
from tests.support.waiting import PATIENCE_S
from tui.app.app import MidwatchApp
from tui.app.base_app import BaseApp

Pilots = Pilot[bool]
_AT_ONCE_S = 0.005
"""A timer that is due within this time belongs to what is going on; the later ones are those that come round."""
_SLOW_S = 5.0
"""Seconds after which a machine counts as too busy for all timers to be waited for."""
_SLOWER_S = 30.0
"""Seconds after which a machine counts as too busy even for the drawing to be waited for."""


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
    still, began = 0, time.monotonic()
    while still < 3:
        passed = time.monotonic() - began
        assert passed < PATIENCE_S, f"never at rest: {background.RUNNING}"
        still = still + 1 if await _is_still(pilot, passed) else 0
    screen = pilot.app.screen
    if hasattr(screen, "redraw"):
        screen.redraw()
        await _draw(pilot)


async def _is_still(pilot: Pilots, passed_s: float) -> bool:
    """Whether nothing is left to do for the loop: no message, no thread of ours, no key, nothing to draw, no timer that
    is due at once.

    A busy machine may take longer for a turn of the loop than a timer waits, and longer for a drawing than until the
    next: then, after so many seconds, the timers no longer count, and at last only threads and keys do.
    """
    if not pilot.app.is_running:  # what a screen that has ended was still to do is never done
        return True
    loop = asyncio.get_running_loop()
    await _draw(pilot)
    await asyncio.sleep(0.002)  # what threads and descriptors bring in comes between two turns of the loop
    working = [thread for thread in background.RUNNING if thread.name != "poll"]
    unheard = isinstance(pilot.app, BaseApp) and not pilot.app.key_queue.is_idle and pilot.app.screen.is_attached
    drawing = passed_s < _SLOWER_S and _is_drawing(pilot.app.screen)
    due = passed_s < _SLOW_S and _soonest(loop) < _AT_ONCE_S
    return not (working or unheard or drawing or due)


def _is_drawing(screen: Screen[Any]) -> bool:
    """Whether something is to be drawn, or waits until the screen has been drawn."""
    return bool(screen._callbacks or screen._dirty_widgets or screen._layout_required or screen._recompose_required)


def _soonest(loop: asyncio.AbstractEventLoop) -> float:
    """Seconds until the loop has something to do."""
    if loop._ready:  # type: ignore[attr-defined]
        return 0.0
    waiting = [handle.when() for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    return min(waiting, default=math.inf) - loop.time()


async def _draw(pilot: Pilots) -> None:
    """Let every widget handle what has been posted to it, and draw what changed."""
    with patch("textual.pilot.wait_for_idle", _one_turn):
        await pilot.pause()
    await pilot._wait_for_screen()


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
        with patch("textual.app.wait_for_idle", _one_turn):
            await pilot.press(key)
        typing = len(key) == len(following) == 1 and isinstance(pilot.app.focused, Input | TextArea)
        if not typing:
            await rest(pilot)


async def _one_turn(_least_s: float) -> None:
    """Stands for the pilot's own wait, which takes 20 ms or more for each key until the processor is idle."""
    await asyncio.sleep(0)


def grid(pilot: Pilots) -> str:
    """What the terminal shows, without colours."""
    strips = pilot.app.screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip) for strip in strips]
    modal = pilot.app.screen
    if modal.is_modal:  # the box alone: what is below it has goldens of its own
        box = modal.query_one("#box").region
        lines = [line[box.x : box.x + box.width] for line in lines[box.y : box.y + box.height]]
    return "\n".join(line.rstrip() for line in lines) + "\n"
