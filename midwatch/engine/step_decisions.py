"""What a person decides on a step that nothing is run for: done, failed, skipped, to be done again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from midwatch.engine import policy, step_selection
from midwatch.engine.annotations import Annotations
from midwatch.engine.attempts import marked
from midwatch.engine.choices import with_choices
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.owed_messages import is_told_by_channel
from midwatch.engine.step_results import StepResults
from midwatch.incident.events import EventKind
from midwatch.runbook.value_sources import Question


class StepDecisions:
    """Writes decisions. Each raises `Refused` when it may not be made now (`midwatch.engine.policy`)."""

    def __init__(self, session: JournalSession, annotations: Annotations, results: StepResults) -> None:
        self._session = session
        self._annotations = annotations
        self._results = results
        self._asked: dict[str, tuple[Question, ...]] = {}
        """Step → its questions as they were asked last, with the choices that their commands printed then."""

    def questions(self, step_id: str) -> tuple[Question, ...]:
        """The questions of a manual step, to be asked now; their answers are checked against what is returned. Slow."""
        session = self._session
        session.require_drivable()
        questions = session.runbook.step(step_id).questions
        self._asked[step_id] = found = with_choices(questions, session.runbook, session.incident)
        return found

    def mark_done(self, step_id: str, *, note: str = "", values: Mapping[str, str] | None = None) -> None:
        """A person did it. Its answers become values of the step; the roles that it notifies count as notified."""
        session = self._session
        session.require_driver()
        asked = self._asked.pop(step_id, ()) or self.questions(step_id)
        step = dataclasses.replace(session.runbook.step(step_id), questions=asked)
        with session.mutex:
            session.require_driver()
            answers = policy.require_manual(step, session.incident, session.runbook, note=note, values=values or {})
            body = {"step": step_id, "note": note, "values": answers, **marked(step)}
            session.append(EventKind.MARKED_DONE, body)
            for role in step.notify:
                if not is_told_by_channel(session.runbook, role):  # a channel's word is the receiver's
                    self._annotations.record_notification(role, note or step.title)

    def mark_failed(self, step_id: str, reason: str) -> None:
        """A person tried it and it did not work."""
        step = self._session.runbook.step(step_id)
        with self._session.mutex:
            policy.require_decidable(step, self._session.incident, reason)
            body = {"step": step_id, "reason": reason, "notify": list(step.on_failure.notify)}
            self._session.append(EventKind.MARKED_FAILED, body)
            self._results.escalate()

    def skip(self, step_id: str, reason: str) -> None:
        """Go on without it, and say why; of a loop, without the items that are neither concluded nor running."""
        step = self._session.runbook.step(step_id)
        for left in step_selection.steps_to_skip(step, self._session.incident):
            self._decide(EventKind.SKIPPED, left.id, reason)

    def reopen(self, step_id: str, reason: str) -> None:
        """It was concluded, and has to be done again."""
        self._decide(EventKind.REOPENED, step_id, reason)

    def start_from(self, step_id: str, reason: str) -> None:
        """Go on from this step: every earlier one that waits for somebody is skipped, with this reason."""
        session = self._session
        first = session.runbook.step(step_id)
        with session.mutex:
            for step in policy.require_start_point(first, session.incident, session.runbook, reason):
                self.skip(step.id, f"begun at {first.number}: {reason}")

    def _decide(self, kind: EventKind, step_id: str, reason: str) -> None:
        with self._session.mutex:
            policy.require_decidable(self._session.runbook.step(step_id), self._session.incident, reason)
            self._session.append(kind, {"step": step_id, "reason": reason})
