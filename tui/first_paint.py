"""What the terminal shows until the library of the screen is loaded: the checklist as plain lines."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from midwatch.engine.incident_controls import IncidentControls
from midwatch.system.sanitize import safe_text
from tui.plain.descriptions import checklist_lines
from tui.plain.typed_ahead import drop_typed_ahead

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J\x1b[H"
"""The other screen, no cursor, long lines cut and not wrapped, from the top."""
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
came_late: list[int] = []
"""Signals that came after the first paint, before the app heard them."""
_WRAPPED = "\x1b[?7h"
_LEAVE = "\x1b[?1049l\x1b[?25h"


@contextlib.contextmanager
def first_paint(controller: IncidentControls, *, ascii: bool) -> Iterator[None]:
    """Show it on the other screen, which the app takes over; back to the first one when that fails.

    A termination or a hang-up ends it by `KeyboardInterrupt`. After it they are kept for the app.
    """
    for number in ENDING:
        signal.signal(number, _interrupt)
    try:
        _write(_ENTER + "\r\n".join(map(safe_text, _lines(controller))) + _WRAPPED, ascii=ascii)
        yield
    except BaseException:
        _write(_LEAVE, ascii=ascii)
        raise
    for number in ENDING:
        signal.signal(number, lambda late, _: came_late.append(late))
    drop_typed_ahead()  # nobody typed it for the app


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _write(text: str, *, ascii: bool) -> None:
    terminal = sys.__stderr__  # which the app writes to
    if terminal is not None and terminal.isatty():
        with contextlib.suppress(OSError):  # the line is lost, as the app finds out
            encoding = "ascii" if ascii else terminal.encoding
            terminal.write(text.encode(encoding, "replace").decode(encoding))
            terminal.flush()


def _lines(controller: IncidentControls) -> list[str]:
    incident, runbook = controller.incident, controller.runbook
    tally = incident.tally(runbook.steps())
    head = f" {incident.severity}  {runbook.environment.word}  {incident.id}  {incident.title}"
    current = incident.next_step(runbook)
    height = shutil.get_terminal_size().lines
    whole = tally.total + len(runbook.phases) + 2 <= height
    checklist = checklist_lines(incident, runbook, current, whole=whole)
    return [head, f"Checklist {tally.words}", *(f" {line}" for line in checklist)][:height]
