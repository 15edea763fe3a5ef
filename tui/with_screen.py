"""The front end with the screen."""

from __future__ import annotations

import locale
import os
import select
import sys
from io import BufferedReader
from typing import cast

from midwatch.actor import current_actor
from midwatch.conductor import Conductor
from midwatch.errors import BadInput, Refused
from midwatch.incident.folder import IncidentFolder


def wants_lines(*, plain: bool, instead: str) -> bool:
    """Whether plain lines are the right front end: asked for, or because no screen can be drawn here.

    Raises `BadInput` where nobody can answer, before anything is declared or built; `instead` is what works there.
    """
    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return plain
    if not sys.stdin.isatty() and _nobody_answers():
        raise BadInput(
            "The screen needs a terminal, and plain lines need somebody who answers", hint=f"Without either: {instead}"
        )
    return True


def _nobody_answers() -> bool:
    """Whether the input has ended already. Looks, and never waits."""
    try:
        ready, _, _ = select.select([sys.stdin], [], [], 0)
        return bool(ready) and not cast(BufferedReader, sys.stdin.buffer).peek(1)
    except (OSError, ValueError):  # closed
        return True


def open_screen(conductor: Conductor, *, ascii: bool, mouse: bool) -> bool:
    """Show the incident until the operator leaves; gives the wheel back then. Steps under way go on.

    True when the operator left on purpose; False when the line was lost or a signal ended the screen.
    """
    from tui.app import MidwatchApp
    from tui.keys import keys_file, read_keymap

    try:
        app = MidwatchApp(conductor, ascii=ascii or not _utf8(), keymap=read_keymap(keys_file()))
        app.run(mouse=mouse)
        return app.left_on_purpose
    finally:
        conductor.leave()


def open_front(conductor: Conductor, *, lines: bool, ascii: bool, mouse: bool) -> bool:
    """Work on the incident with the screen or with plain lines; as `open_screen`."""
    if lines:
        from tui.lines.front import talk

        return talk(conductor)
    return open_screen(conductor, ascii=ascii, mouse=mouse)


def drive_or_observe(folder: IncidentFolder, *, reason: str = "") -> Conductor:
    """Take the wheel; where somebody drives, follow along rather than turn the engineer away.

    With a reason, whoever drives is watched first, and its wheel is taken over when it gives no sign of life.
    """
    conductor = Conductor.observe(folder, actor=current_actor())
    if reason:
        conductor.await_silence(lambda text: print(f"midwatch: {text}", file=sys.stderr))
    try:
        conductor.take_wheel(reason)
    except Refused as refused:
        print(f"midwatch: {refused} Observing.", file=sys.stderr)
    return conductor


def _utf8() -> bool:
    return "utf" in locale.getencoding().lower() and os.environ.get("TERM") != "linux"
