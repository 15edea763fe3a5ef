"""What the terminal shows until the library of the screen is loaded: the checklist as plain lines."""

from __future__ import annotations

import contextlib
import gc
import shutil
import signal
import sys
from types import FrameType
from typing import Any, Self

from midwatch.incident.state import Incident
from midwatch.runbook.model import Runbook
from midwatch.system.sanitize import safe_text
from tui.plain.checklist import checklist_lines
from tui.plain.typed_ahead import drop_typed_ahead
from tui.terminal.terminal_guard import guarded_terminal

_COLLECTIONS = (2_000, 10, 100)
"""New objects between two collections, and how many of these between two larger ones: a page makes 20,000 objects, and
a search through as many holds up the key that opens it."""
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J\x1b[H"
"""The other screen, no cursor, long lines cut and not wrapped, from the top."""
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
came_late: list[int] = []
"""Signals that came after the first paint, before the app heard them."""
_WRAPPED = "\x1b[?7h"
_LEAVE = "\x1b[?1049l\x1b[?25h"


class FirstPaint:
    """The other screen with the checklist, until `hand_over` to the app.

    When what is inside fails before that, the terminal is as it was. A termination or a hang-up ends it by
    `KeyboardInterrupt`; after `hand_over` they are kept for the app. The terminal is guarded until the exit. No
    garbage is collected while the app is loaded.
    """

    def __init__(self) -> None:
        self._lines, self._guard = list[str](), contextlib.ExitStack()
        self._signals: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._guard:
            self.hide()

    def show(self, incident: Incident, runbook: Runbook, *, ascii: bool) -> None:
        """Show how the incident stands."""
        lines = _lines(incident, runbook)
        if not self._signals:
            gc.disable()  # nearly all that is made while the screen is loaded stays
            self._guard.enter_context(guarded_terminal())
            self._signals = {number: signal.signal(number, _interrupt) for number in ENDING}
        if lines != self._lines:
            self._lines = lines
            _write(_ENTER + "\r\n".join(map(safe_text, lines)) + _WRAPPED, ascii=ascii)

    def hide(self) -> None:
        """Go back to the first screen, so that something can be said there."""
        if self._signals:
            _write(_LEAVE, ascii=True)
            for number, before in self._signals.items():
                signal.signal(number, before)
        self._guard.close()
        self._lines, self._signals = [], {}
        gc.enable()

    def hand_over(self) -> None:
        """Leave the other screen to the app. Nobody typed for the app what was typed before."""
        for number in self._signals:
            signal.signal(number, lambda late, _: came_late.append(late))
        self._signals = {}
        drop_typed_ahead()
        gc.freeze()  # a search through what stays would hold a key up
        gc.set_threshold(*_COLLECTIONS)
        gc.enable()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _write(text: str, *, ascii: bool) -> None:
    terminal = sys.__stderr__  # which the app writes to
    if terminal is not None and terminal.isatty():
        with contextlib.suppress(OSError):  # the line is lost, as the app finds out
            encoding = "ascii" if ascii else terminal.encoding
            terminal.write(text.encode(encoding, "replace").decode(encoding))
            terminal.flush()


def _lines(incident: Incident, runbook: Runbook) -> list[str]:
    tally = incident.tally(runbook.steps())
    head = f" {incident.severity}  {runbook.environment.word}  {incident.id}  {incident.title}"
    current = incident.next_step(runbook)
    height = shutil.get_terminal_size().lines
    whole = tally.total + len(runbook.phases) + 2 <= height
    checklist = checklist_lines(incident, runbook, current, whole=whole)
    return [head, f"Checklist {tally.words}", *(f" {line}" for line in checklist)][:height]
