"""Opens the front end of lines: declares, talks, and gives the wheel back."""

from __future__ import annotations

import contextlib
import threading

from midwatch.conductor import Conductor
from midwatch.errors import MidwatchError
from tui.lines.session import Session
from tui.lines.teletype import Teletype

_POLL = 1.0
"""Seconds between two looks at what has happened."""


def talk(conductor: Conductor) -> bool:
    """Work on the incident line by line until the operator leaves; gives the wheel back then. Steps under way go on.

    True when the operator left on purpose; False when the input ended or the line was lost.
    """
    teletype = Teletype()
    left = threading.Event()
    conductor.watch()
    with teletype.listening():
        try:
            threading.Thread(target=_keep_up, args=(conductor, left), name="poll", daemon=True).start()
            return Session(conductor, teletype).run()
        finally:
            left.set()
            conductor.leave()


def _keep_up(conductor: Conductor, left: threading.Event) -> None:
    """Take in what happens, and show that this driver lives, also while nobody types anything."""
    while not left.wait(_POLL):
        with contextlib.suppress(MidwatchError):  # the session meets it too, and says it
            conductor.poll()
