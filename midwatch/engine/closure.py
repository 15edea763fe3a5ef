"""The end of an incident: it is closed once its criteria were evaluated, or abandoned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.engine import criteria, policy
from midwatch.engine.freeze_release import freeze_to_lift, release_freeze
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.messages import Messages
from midwatch.incident.events import EventKind
from midwatch.incident.step_state import CriterionState


class Closure:
    """Evaluates the criteria of closure, closes, and abandons."""

    def __init__(self, session: JournalSession, messages: Messages) -> None:
        self._session = session
        self._messages = messages

    def evaluate(self) -> dict[str, CriterionState]:
        """Evaluate every closure criterion now, and journal what was found (an observer only looks)."""
        session = self._session
        session.require_drivable()
        found = criteria.evaluate(session.runbook.closure, session.context(), session.incident)
        if session.driving:
            for name, state in found.items():
                session.append(EventKind.CRITERION, {"criterion": name, "met": state.met, "detail": state.detail})
        return found

    def freeze_to_lift(self) -> str:
        """The freeze that the end of the incident lifts, in words; empty without one. Asks servers."""
        return freeze_to_lift(self._session.context())

    def close(self, *, reason: str = "") -> str:
        """End the incident, and the freeze that it set. What became of that freeze, in words; empty without one.

        Raises `Refused` naming the criteria that are not met, unless a reason is given.
        """
        session = self._session
        session.require_driver()
        session.settle()
        found = self.evaluate()
        policy.require_closable(found, session.incident, session.runbook, reason)
        freeze = self._release_freeze()
        with session.mutex:
            unmet = policy.require_closable(found, session.incident, session.runbook, reason)
            self._messages.announce_end(_and("The incident is closed", reason))
            self._end(EventKind.CLOSED, {"reason": reason, "unmet": unmet})
        return freeze

    def abandon(self, reason: str) -> str:
        """End what is no incident, and the freeze that it set: what became of that, in words.

        Raises `Refused` without a reason, and while a step is running.
        """
        session = self._session
        session.require_driver()
        session.settle()
        policy.require_abandonable(session.incident, session.runbook, reason)
        freeze = self._release_freeze()
        with session.mutex:
            policy.require_abandonable(session.incident, session.runbook, reason)
            self._messages.announce_end(_and("This was no incident", reason))
            self._end(EventKind.ABANDONED, {"reason": reason})
        return freeze

    def _release_freeze(self) -> str:
        """Take away the freeze of this incident, and journal the result."""
        if words := release_freeze(self._session.context()):
            self._session.append(EventKind.NOTE, {"text": words, "at": None})
        return words

    def _end(self, kind: EventKind, body: Mapping[str, Any]) -> None:
        """Write the last event of the incident, and give control back."""
        session = self._session
        handle = session.require_driver()
        handle.journal.prepare()  # the event tells its own number, so nothing may come before it
        session.take_in()
        session.append(kind, {**body, "events": len(session.events) + 1})
        session.append(EventKind.DRIVER_LEFT, {"reason": session.incident.word})
        session.release(handle, trim=True)


def _and(sentence: str, reason: str) -> str:
    return f"{sentence}: {reason}" if reason else f"{sentence}."
