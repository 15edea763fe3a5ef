"""The front end with the screen."""

from __future__ import annotations

import locale
import os
import sys

from midwatch.conductor import Conductor
from midwatch.errors import BadInput


def open_screen(conductor: Conductor, *, ascii: bool, mouse: bool) -> bool:
    """Show the incident until the operator leaves; gives the wheel back then. Steps under way go on.

    True when the operator left on purpose; False when the line was lost or a signal ended the screen.
    """
    try:
        if not sys.stdin.isatty() or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
            raise BadInput("The screen needs a terminal", hint="Without one: midwatch run RUNBOOK --headless --answers FILE")
        from tui.app import MidwatchApp

        app = MidwatchApp(conductor, ascii=ascii or not _utf8())
        app.run(mouse=mouse)
        return app.left_on_purpose
    finally:
        conductor.leave()


def _utf8() -> bool:
    return "utf" in locale.getencoding().lower() and os.environ.get("TERM") != "linux"
