"""What happened while nobody sat at these lines: before a return, and during a prompt without an answer for long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.incident.events import Event
from midwatch.reports.absence import IDLE_S, absence, absence_line, left_at

_LINES_A_SECTION = 5


def lines_on_return(controller: IncidentControls) -> list[str]:
    """What happened since this person left; empty for a first arrival, and where nothing happened."""
    events = controller.events
    left = left_at(events, controller.actor)
    return _lines(controller, events[events.index(left) + 1 :], left.time) if left is not None else []


def lines_after_idling(controller: IncidentControls, idle_s: float, first: int) -> list[str]:
    """What the events from this number on say after so many seconds at one prompt; empty after a short time."""
    if idle_s < IDLE_S:
        return []
    return _lines(controller, controller.events[first:], controller.clock.now() - timedelta(seconds=idle_s))


def _lines(controller: IncidentControls, events: Sequence[Event], since: datetime) -> list[str]:
    now, due = controller.clock.now(), controller.next_update_due
    sections = absence(controller.runbook, controller.incident, events, now, due)
    if not sections:
        return []
    lines = [f"You looked away {absence_line(sections, since)}."]
    for section in sections:
        left_out = len(section.lines) - _LINES_A_SECTION
        lines += [f"  {section.title}: {line}" for line in section.lines[-_LINES_A_SECTION:]]
        lines += [f"  {section.title}: and {left_out} more before; j lists them"] * (left_out > 0)
    return lines
