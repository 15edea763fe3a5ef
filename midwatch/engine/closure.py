"""The end of an incident: its closure criteria are evaluated, and it is closed."""

from __future__ import annotations

from midwatch.engine import criteria, policy
from midwatch.engine.journal_session import JournalSession
from midwatch.incident.events import EventKind
from midwatch.incident.state import CriterionState


class Closure:
    """Evaluates the criteria of closure, and closes."""

    def __init__(self, session: JournalSession) -> None:
        self._session = session

    def evaluate(self) -> dict[str, CriterionState]:
        """Evaluate every closure criterion now, and journal what was found (an observer only looks)."""
        session = self._session
        session.require_drivable()
        found = criteria.evaluate(session.runbook.closure, session.context(), session.incident)
        if session.driving:
            for name, state in found.items():
                session.append(EventKind.CRITERION, {"criterion": name, "met": state.met, "detail": state.detail})
        return found

    def close(self, *, reason: str = "") -> None:
        """End the incident. Raises `Refused` naming the criteria that are not met, unless a reason is given."""
        session = self._session
        handle = session.require_driver()
        session.settle()
        found = self.evaluate()
        with session.mutex:
            unmet = policy.require_closable(found, session.incident, session.runbook, reason)
            handle.journal.prepare()  # the event tells its own number, so nothing may come before it
            session.take_in()
            count = len(session.events) + 1
            session.append(EventKind.CLOSED, {"reason": reason, "unmet": unmet, "events": count})
            session.append(EventKind.DRIVER_LEFT, {"reason": "closed"})
            session.release(handle, trim=True)
