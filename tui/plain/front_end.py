"""Opens the front end of lines: declares, talks, and gives control back."""

from __future__ import annotations

import logging
import threading

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.rehearsal_end import RehearsalEnd
from midwatch.system.errors import MidwatchError
from tui.plain.line_terminal import LineTerminal
from tui.plain.session import Session

_LOG = logging.getLogger(__name__)

_POLL = 1.0
"""Seconds between two looks at what has happened."""


def talk(controller: IncidentControls, rehearsal: RehearsalEnd | None = None) -> bool:
    """Work on the incident line by line until the operator leaves; gives control back then. Running steps go on.
    `rehearsal` is given where leaving deletes everything.

    True when the operator left on purpose; False when the input ended or the line was lost.
    """
    terminal = LineTerminal()
    left = threading.Event()
    controller.register_observer()
    with terminal.listening():
        try:
            threading.Thread(target=_keep_up, args=(controller, left), name="poll", daemon=True).start()
            return Session(controller, terminal, rehearsal).run()
        finally:
            left.set()
            controller.leave()


def _keep_up(controller: IncidentControls, left: threading.Event) -> None:
    """Take in what happens, and show that this driver lives, also while nobody types anything."""
    while not left.wait(_POLL):
        try:
            controller.poll()
        except MidwatchError as error:  # the session meets it too, and says it
            _LOG.info("The poll failed: %s", error)
