"""What rings the bell of the terminal: a step that failed, a long one that ended, a request, what the watcher
found, an overdue update."""

from __future__ import annotations

from midwatch.engine.incident_protocols import IncidentView
from midwatch.engine.pending_requests import pending_request
from midwatch.incident.events import Event, EventKind
from midwatch.incident.source_note import watcher_notice
from midwatch.reports.event_text import describe

LONG_S = 60.0
"""Seconds from which on a step counts as long: nobody waits in front of it."""


class Alarms:
    """Each thing rings once. What was so when the screen opened does not ring."""

    def __init__(self, session: IncidentView) -> None:
        self._session = session
        self._heard = len(session.events)
        self._request, self._overdue = self._now()

    def _now(self) -> tuple[str, int]:
        session, found = self._session, pending_request(self._session)
        return found.message if found else "", session.updates_overdue if session.driving else 0

    def take(self) -> str:
        """What rings now, in a few words; empty when nothing does."""
        words = self._heard_of()
        request, overdue = self._now()
        if request and request != self._request:
            words.append(request)
        if overdue > self._overdue:  # again for each one that nobody has sent
            words.append(f"{overdue} status updates are overdue" if overdue > 1 else "a status update is due")
        self._request, self._overdue = request, overdue
        return "; ".join(words)

    def _heard_of(self) -> list[str]:
        """The steps that ended, the messages that were lost and the requests of the watcher since the last call."""
        events = self._session.events[self._heard :]
        self._heard += len(events)
        words = (watcher_notice(event) or self._end_of_step(event) or _lost_message(event) for event in events)
        return [each for each in words if each]

    def _end_of_step(self, event: Event) -> str:
        rings = event.kind == EventKind.FINISHED and (
            event.body.get("outcome") != "done" or float(event.body.get("seconds") or 0) >= LONG_S
        )
        return describe(event, self._session.runbook) if rings else ""


def _lost_message(event: Event) -> str:
    """Of a message that waits for a person's decision, without its receiver's words."""
    lost = event.kind in (EventKind.MESSAGE_REFUSED, EventKind.MESSAGE_UNSURE, EventKind.MESSAGE_GIVEN_UP)
    return f"message {event.body.get('delivery')} did not arrive, as far as is known" if lost else ""
