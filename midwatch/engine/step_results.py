"""What becomes of steps that were started: their ends, what follows from a failure, the readings after them."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from midwatch.api.probe import Reading
from midwatch.engine import attempts, follow_ups
from midwatch.engine.annotations import Annotations
from midwatch.engine.control import Control
from midwatch.engine.planning import shown_command
from midwatch.engine.readings import take_readings
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.state import Attempt, StepState
from midwatch.runbook.model import Step
from midwatch.supervisor import status
from midwatch.system.errors import Refused

_LOG = logging.getLogger(__name__)

AFTER_LIMIT = 15.0
"""Seconds that the readings after a step may take."""


class StepResults(Control, Annotations):
    """The part of the conductor that writes what happened by itself, as a driver comes to know of it."""

    def settle(self) -> None:
        """Wait until the readings after finished steps are in the journal; they end within a limit."""
        for thread in list(self._handle.readers) if self._handle else []:
            thread.join()

    def _look_after(self, state: StepState, attempt: Attempt) -> None:
        step, folder = self.runbook.step(state.id), self.folder.attempt(state.id, attempt.number)
        found = status.inspect_attempt(folder)
        if isinstance(found, status.Lost) and status.is_alive(attempt.supervisor, folder):
            return  # its disk does not tell, and the journal does: it is running
        if isinstance(found, status.Running):
            if attempt.started_at is None and found.has_begun:
                self.append(EventKind.STARTED, self._started(step, attempt.number, found.supervisor.to_json()))
            return
        if attempt.started_at is None and (owner := attempts.owner_of(folder, found)):
            self.append(EventKind.STARTED, self._started(step, attempt.number, owner))
        if isinstance(found, status.Result):
            self._finished(step, attempts.finished_body(step, attempt.number, folder, found))
        elif isinstance(found, status.Lost):
            self._finished(step, attempts.ended_without_result(step, attempt.number, StepOutcome.UNKNOWN, found.reason))
        elif attempt.started_at is not None:
            sentence = "It was started, and what it left on disk is gone"
            self._finished(step, attempts.ended_without_result(step, attempt.number, StepOutcome.UNKNOWN, sentence))
        elif self.replaced_unresponsive_driver and not attempts.never_begins(folder):
            sentence = "Whether it began is not known: its screen was silent while it started it"
            self._finished(step, attempts.ended_without_result(step, attempt.number, StepOutcome.UNKNOWN, sentence))
        else:  # a supervisor writes who it is before it tells its starter, and begins nothing when that one is gone
            sentence = "Nothing ran: the screen ended between the confirmation and the start"
            self._finished(step, attempts.ended_without_result(step, attempt.number, StepOutcome.CANCELLED, sentence))

    def _finished(self, step: Step, body: dict[str, Any]) -> None:
        self.append(EventKind.FINISHED, body)
        _LOG.info(
            "Step %s, attempt %s: %s, exit %s. %s",
            step.id,
            body["attempt"],
            body.get("outcome"),
            body.get("exit"),
            body.get("error") or "",
        )
        threading.Thread(
            target=self.refresh_secrets, name=f"secrets after {step.id}", daemon=True
        ).start()  # a disk may hang
        self._escalate()
        if step.measure:
            self._begin_reading(step, body["attempt"])

    def _catch_up(self) -> None:
        """Write what the last driver would have written next, had it not died."""
        for role, message in follow_ups.pending_notifications(self.events, self.runbook):
            self.record_notification(role, message)
        self._escalate()
        if owed := follow_ups.pending_readings(self.events, self.incident, self.runbook):
            self._begin_reading(*owed)

    def _escalate(self) -> None:
        if owed := follow_ups.pending_escalation(self.incident, self.runbook):
            self.set_severity(owed[0], f"{owed[1].number} {owed[1].title} failed")

    def _begin_reading(self, step: Step, number: int) -> None:
        if self._handle is not None:
            reader = threading.Thread(target=self._read_after, args=(step, number), name=f"after {step.id}")
            self._handle.readers.append(reader)
            reader.start()

    def _read_after(self, step: Step, number: int) -> None:
        readings = take_readings(self.runbook, step.measure, self.clock, limit=AFTER_LIMIT)
        with contextlib.suppress(Refused):  # control was taken meanwhile, and the next driver takes readings of its own
            self._journal_readings(step, number, "after", readings)

    def _started(self, step: Step, number: int, owner: Mapping[str, Any]) -> dict[str, Any]:
        plan = self.incident.step(step.id).attempts[number - 1].plan
        command = shown_command(plan) if plan is not None else ""
        return {"step": step.id, "attempt": number, "command": command, "supervisor": dict(owner)}

    def _journal_readings(self, step: Step, number: int, when: str, readings: Iterable[Reading]) -> None:
        for reading in readings:
            self.append(
                EventKind.READING, {"step": step.id, "attempt": number, "when": when, "reading": reading.to_json()}
            )
