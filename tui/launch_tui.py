"""The front end with the screen."""

from __future__ import annotations

import locale
import os
import select
import sys
from io import BufferedReader
from typing import TYPE_CHECKING, cast

from midwatch.system.errors import BadInput
from tui.app.settings import read_settings, settings_file
from tui.cli_context import debug_log
from tui.first_paint import FirstPaint
from tui.output import is_utf8_encoding

if TYPE_CHECKING:
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.engine.rehearsal_end import RehearsalEnd


def forget_inherited_size() -> None:
    """Remove the terminal size from the environment: it may be that of another terminal, or of an earlier moment."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def wants_lines(*, plain: bool, instead: str) -> bool:
    """Whether plain lines are the right front end: asked for, or because no screen can be drawn here.

    Raises `BadInput` where nobody can answer, before anything is declared or built; `instead` is what works there.
    """
    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return plain or read_settings(settings_file()).plain
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


def open_screen(
    controller: IncidentController,
    paint: FirstPaint,
    *,
    ascii: bool,
    mouse: bool,
    rehearsal: RehearsalEnd | None = None,
) -> bool:
    """Show the incident until the operator leaves; gives control back then. Running steps go on.

    An incident that the operator chose from the list is opened then. True when the operator left on purpose; False when
    the line was lost or a signal ended the screen.
    """
    from midwatch.incident.debug_log import leave_the_terminal

    few_signs, mouse = ascii_only(ascii), mouse and read_settings(settings_file()).mouse
    try:
        controller.register_observer()
        leave_the_terminal()
        paint.show(controller.incident, controller.runbook, ascii=few_signs)
        from tui.app.app import MidwatchApp
        from tui.app.keymap_file import keys_file, read_keymap

        app = MidwatchApp(controller, ascii=few_signs, keymap=read_keymap(keys_file()), rehearsal=rehearsal)
        paint.hand_over()
        app.run(mouse=mouse)
    finally:
        controller.leave()
    if app.following:
        from midwatch.engine.repository import find
        from tui.joining import drive_or_observe

        following = drive_or_observe(find(controller.folder.path.parent.parent, app.following))
        return open_front(following, paint, lines=False, ascii=ascii, mouse=mouse)
    return app.left_on_purpose


def open_front(
    controller: IncidentController,
    paint: FirstPaint,
    *,
    lines: bool,
    ascii: bool,
    mouse: bool,
    rehearsal: RehearsalEnd | None = None,
) -> bool:
    """Work on the incident with the screen or with plain lines; as `open_screen`. `rehearsal` is given where leaving
    deletes everything."""
    with debug_log(controller):
        if lines:
            from tui.plain.front_end import talk

            return talk(controller, rehearsal)
        return open_screen(controller, paint, ascii=ascii, mouse=mouse, rehearsal=rehearsal)


def ascii_only(asked: bool) -> bool:
    """Whether the screen shows ASCII only: asked for, set, or because the terminal can show no more."""
    return asked or not utf8() or read_settings(settings_file()).ascii


def utf8() -> bool:
    """Whether the terminal can show more than ASCII."""
    return is_utf8_encoding(locale.getencoding()) and os.environ.get("TERM") != "linux"
