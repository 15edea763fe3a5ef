"""Renders pictures of the screen for the documentation and for reviews."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from tui.app.base_app import BaseApp

_SETTLE = 0.2
"""Seconds without any work beside the loop after which the screen counts as finished."""

_SIZE = 20.265
"""Pixels of the letters, with which those of DejaVu Sans Mono are as wide as a cell also where `textLength` is
ignored."""


async def screenshot(app: BaseApp[Any], *, size: tuple[int, int] = (120, 36), press: Sequence[str] = ()) -> str:
    """The app as SVG, after these keys were pressed and every reading and plan has come.

    The same desk, clock and panels give the same picture: nothing in it depends on the time or on the machine.
    """
    from screens.widgets.background import RUNNING

    async def rest() -> None:
        quiet = 0.0
        while quiet < _SETTLE:
            await pilot.pause()
            quiet = 0.0 if any(thread.name != "poll" for thread in RUNNING) else quiet + 0.02
            await asyncio.sleep(0.02)

    async with app.run_test(size=size) as pilot:
        await rest()
        for key in press:
            await pilot.press(key)
            await rest()
        return plain_svg(app.export_screenshot(title="midwatch"))


def plain_svg(svg: str, *, font: str = "DejaVu Sans Mono") -> str:
    """The picture without fonts from the network, and with names that do not change from run to run."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = svg.replace("font-size: 20px", f"font-size: {_SIZE}px")
    svg = svg.replace("Fira Code", font).replace("<text ", '<text xml:space="preserve" ')
    return re.sub(r"terminal-\d+", "terminal", svg)
