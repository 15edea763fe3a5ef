"""What becomes of steps that were started: their ends, what follows from a failure, the readings after them."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from midwatch.api.probe import Reading
from midwatch.engine import attempts, catch_up
from midwatch.engine.annotations import Annotations
from midwatch.engine.driver_handle import DriverHandle
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.proofs import steps_to_prove_again
from midwatch.engine.readings import take_readings
from midwatch.engine.verification import evaluated
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.step_state import Attempt
from midwatch.runbook.model import Step
from midwatch.supervisor import status
from midwatch.supervisor.tries import read_tries
from midwatch.system.errors import MidwatchError, Refused

_LOG = logging.getLogger(__name__)

AFTER_LIMIT_S = 15.0
"""Seconds that the readings after a step may take."""


class StepResults:
    """Writes what happened by itself, as a driver comes to know of it."""

    def __init__(self, session: JournalSession, annotations: Annotations) -> None:
        self._session = session
        self._annotations = annotations

    def collect(self, handle: DriverHandle) -> None:
        """Write what has become of the running steps, but of those that this process is starting at the moment."""
        for state in self._session.incident.running():
            if state.last is not None and (state.id, state.last.number) not in handle.starting:
                self._look_after(self._session.runbook.step(state.id), state.last, handle)

    def _look_after(self, step: Step, attempt: Attempt, handle: DriverHandle) -> None:
        folder = self._session.folder.attempt(step.id, attempt.number)
        found = status.inspect_attempt(folder)
        if isinstance(found, status.Lost) and status.is_alive(attempt.supervisor, folder):
            return  # its disk does not tell, and the journal does: it is running
        if isinstance(found, status.Running):
            if attempt.started_at is None and found.has_begun:
                self.record_started(step, attempt.number, found.supervisor.to_json())
            self._record_tries(step, attempt, folder)
            return
        if attempt.started_at is None and (owner := attempts.owner_of(folder, found)):
            self.record_started(step, attempt.number, owner)
        self._record_tries(step, attempt, folder)
        if isinstance(found, status.Result):
            self._take_result(step, attempt, found, handle)
            return
        outcome = StepOutcome.UNKNOWN
        if isinstance(found, status.Lost):
            sentence = found.reason
        elif attempt.started_at is not None:
            sentence = "It was started, and what it left on disk is gone"
        elif handle.replaced_unresponsive_driver and not attempts.never_begins(folder):
            sentence = "Whether it began is not known: its screen was silent while it started it"
        else:  # a supervisor writes who it is before it tells its starter, and begins nothing when that one is gone
            outcome = StepOutcome.CANCELLED
            sentence = "Nothing ran: the screen ended between the confirmation and the start"
        self.record_end(step, attempt.number, outcome, sentence)

    def _record_tries(self, step: Step, attempt: Attempt, folder: AttemptFolder) -> None:
        """Write the failed tries that the journal does not have yet."""
        retry, last = step.process.retry, self._session.incident.step(step.id).last
        if retry is None or attempt.undoes is not None or last is None or last.started_at is None:
            return
        for failed in read_tries(folder)[len(last.tries) : retry.times]:
            body = {"step": step.id, "attempt": attempt.number, "try": failed.number, "of": retry.times + 1}
            body |= {"exit": failed.exit, "seconds": failed.seconds, "ended": failed.ended, "wait": retry.wait}
            self._session.append(EventKind.TRIED, body)

    def _take_result(self, step: Step, attempt: Attempt, result: status.Result, handle: DriverHandle) -> None:
        """Write how the attempt ended; where it has to be verified, once that is known."""
        key, folder = (step.id, attempt.number), self._session.folder.attempt(step.id, attempt.number)
        undo = attempt.undoes is not None
        if undo or not step.verify or result.outcome is not StepOutcome.DONE:
            self._record_finished(step, attempts.finished_body(step, attempt.number, folder, result, undo=undo))
        elif key not in handle.verifying:
            handle.verifying.add(key)
            work = (step, attempt.number, result, handle)
            threading.Thread(target=self._verify, args=work, name=f"verify {step.id}", daemon=True).start()

    def _verify(self, step: Step, number: int, result: status.Result, handle: DriverHandle) -> None:
        """Evaluate what the step verifies, and write how it ended, unless control has gone: then the next driver
        does."""
        session = self._session
        try:
            found, folder = evaluated(step, session), session.folder.attempt(step.id, number)
            with session.mutex, contextlib.suppress(MidwatchError):  # the next look at the result tries again
                if session.handle is handle:
                    body = attempts.finished_body(step, number, folder, result, verification=found)
                    self._record_finished(step, body)
        finally:
            handle.verifying.discard((step.id, number))

    def record_started(self, step: Step, number: int, owner: Mapping[str, Any]) -> None:
        """Write that this supervisor owns the attempt."""
        plan = self._session.incident.step(step.id).attempts[number - 1].plan
        command = attempts.shown_command(plan) if plan is not None else ""
        body = {"step": step.id, "attempt": number, "command": command, "supervisor": dict(owner)}
        self._session.append(EventKind.STARTED, body)

    def record_end(self, step: Step, number: int, outcome: StepOutcome, sentence: str) -> None:
        """Write how an attempt ended that has no result."""
        self._record_finished(step, attempts.ended_without_result(step, number, outcome, sentence))

    def record_readings(self, step: Step, number: int, when: str, readings: Iterable[Reading]) -> None:
        """Write readings `before` or `after` an attempt."""
        for reading in readings:
            body = {"step": step.id, "attempt": number, "when": when, "reading": reading.to_json()}
            self._session.append(EventKind.READING, body)

    def catch_up(self) -> None:
        """Write what the last driver would have written next, had it not died."""
        events, runbook = self._session.events, self._session.runbook
        for role, message in catch_up.pending_notifications(events, runbook):
            self._annotations.record_notification(role, message)
        self.escalate()
        self._session.record_items()
        if owed := catch_up.pending_readings(events, self._session.incident, runbook):
            self._begin_reading(*owed)

    def escalate(self) -> None:
        """Raise the severity where a step failed that says so."""
        if owed := catch_up.pending_escalation(self._session.incident, self._session.runbook):
            self._annotations.raise_severity(owed[0], f"{owed[1].number} {owed[1].title} failed")

    def _record_finished(self, step: Step, body: dict[str, Any]) -> None:
        last = self._session.incident.step(step.id).last
        if last is not None and last.undoes is not None:
            body = {**body, **self._put_in_doubt(step, last.undoes, body)}
        elif body["outcome"] == StepOutcome.DONE:
            body = {**body, **attempts.marked(step)}
        self._session.append(EventKind.FINISHED, body)
        number, outcome = body["attempt"], body["outcome"]
        _LOG.info("Step %s, attempt %s: %s, exit %s. %s", step.id, number, outcome, body["exit"], body["summary"])
        refresh = self._session.refresh_secrets  # in a thread, since a disk may hang
        threading.Thread(target=refresh, name=f"secrets after {step.id}", daemon=True).start()
        self.escalate()
        if step.measure:
            self._begin_reading(step, number)

    def _put_in_doubt(self, step: Step, undone: int, body: Mapping[str, Any]) -> dict[str, list[str]]:
        """The steps whose proof an undo took away, however it ended; nothing where the undo never ran."""
        if body["outcome"] == StepOutcome.CANCELLED and body["exit"] is None:
            return {}
        session = self._session
        found = steps_to_prove_again(step, undone, session.events, session.incident, session.runbook)
        return {"prove_again": found}

    def _begin_reading(self, step: Step, number: int) -> None:
        if (handle := self._session.handle) is not None:
            reader = threading.Thread(target=self._read_after, args=(step, number), name=f"after {step.id}")
            handle.readers.append(reader)
            reader.start()

    def _read_after(self, step: Step, number: int) -> None:
        readings = take_readings(self._session.runbook, step.measure, self._session.clock, limit=AFTER_LIMIT_S)
        with contextlib.suppress(Refused):  # control was taken meanwhile, and the next driver takes readings of its own
            self.record_readings(step, number, "after", readings)
