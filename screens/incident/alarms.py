"""What rings the bell of the terminal: a step that failed, a long one that ended, a request, an overdue update."""

from __future__ import annotations

from midwatch.engine.incident_controls import IncidentView
from midwatch.engine.pending_requests import pending_request
from midwatch.incident.events import EventKind
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
        words = [*self._ended()]
        request, overdue = self._now()
        if request and request != self._request:
            words.append(request)
        if overdue > self._overdue:  # again for each one that nobody has sent
            words.append(f"{overdue} status updates are overdue" if overdue > 1 else "a status update is due")
        self._request, self._overdue = request, overdue
        return "; ".join(words)

    def _ended(self) -> list[str]:
        events = self._session.events[self._heard :]
        self._heard += len(events)
        return [
            describe(event, self._session.runbook)
            for event in events
            if event.kind == EventKind.FINISHED
            and (event.body.get("outcome") != "done" or float(event.body.get("seconds") or 0) >= LONG_S)
        ]
