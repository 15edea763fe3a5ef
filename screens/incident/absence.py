"""Whether somebody sits here, and what happened since nobody did: after a resume, a takeover, ten idle minutes."""

from __future__ import annotations

from datetime import datetime

from midwatch.engine.incident_protocols import IncidentView
from midwatch.reports.absence import IDLE_S, absence, absence_line, left_at
from midwatch.reports.handoff_summary import Section
from screens.widgets.held_keys import HeldKeys

SHOWN_S = 60.0
"""Seconds for which the line stays once somebody is back."""


class Absence:
    """The last time that nobody looked. `watch` is called about once a second."""

    def __init__(self, session: IncidentView, held_keys: HeldKeys) -> None:
        self._session, self._held_keys = session, held_keys
        left = left_at(session.events, session.actor)
        self.since: datetime | None = left.time if left else None
        """When the absence began; None before the first."""
        self._first = session.events.index(left) + 1 if left else len(session.events)
        self._end: int | None = None
        """The number of events when the absence ended; None while it lasts."""
        self._away, self._shown_until = left is not None, 0.0
        self._arrivals, self._key_at = held_keys.arrivals, held_keys.now()
        self._key_events, self._key_time = len(session.events), session.clock.now()

    def watch(self) -> None:
        """Take note of a key, or that there was none for long."""
        now = self._held_keys.now()
        if self._held_keys.arrivals != self._arrivals:
            if self._away:
                self._away, self._end = False, len(self._session.events)
                self._shown_until = now + SHOWN_S
            self._arrivals, self._key_at = self._held_keys.arrivals, now
            self._key_events, self._key_time = len(self._session.events), self._session.clock.now()
        elif not self._away and now - self._key_at >= IDLE_S:
            self._away, self._end = True, None
            self._first, self.since = self._key_events, self._key_time

    def sections(self) -> list[Section]:
        """What happened in the absence, and what is due now."""
        session = self._session
        events = session.events[self._first : self._end] if self.since else []
        return absence(session.runbook, session.incident, events, session.clock.now(), session.next_update_due)

    def line(self) -> str:
        """The same in one line, while somebody is away and a minute longer; else nothing."""
        if self.since is None or not (self._away or self._held_keys.now() < self._shown_until):
            return ""
        sections = self.sections()
        return absence_line(sections, self.since) if sections else ""
