"""The state of an incident: a fold over its events, and nothing else.

The screen, `resume`, a second terminal and the export all fold the same events, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from midwatch.clock import from_iso
from midwatch.incident.events import Event, Kind, StepOutcome
from midwatch.plan import Plan
from midwatch.probe import Reading
from midwatch.runbook.model import Condition, Runbook, Severity, Step


class StepStatus(StrEnum):
    """Where a step stands."""

    TODO = "to do"
    RUNNING = "under way"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not needed"

    @property
    def settled(self) -> bool:
        """Whether nothing more has to be done for it."""
        return self in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED)


@dataclass(slots=True)
class Attempt:
    """One try at a step."""

    number: int
    actor: str
    confirmed_at: datetime
    plan: Plan | None = None
    started_at: datetime | None = None
    command: str = ""
    supervisor: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None
    seconds: float | None = None
    outcome: StepOutcome | None = None
    exit: int | None = None
    summary: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    before: dict[str, Reading] = field(default_factory=dict)
    """By panel."""
    after: dict[str, Reading] = field(default_factory=dict)


@dataclass(slots=True)
class StepState:
    """What has happened to one step."""

    id: str
    status: StepStatus = StepStatus.TODO
    attempts: list[Attempt] = field(default_factory=list)
    ever_failed: bool = False
    actor: str = ""
    """Who ticked, skipped or ran it last."""
    settled_at: datetime | None = None
    reason: str = ""
    """Of the skip, the failure by hand or the reopening; or the note of the tick."""
    values: dict[str, str] = field(default_factory=dict)

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None


@dataclass(slots=True)
class CriterionState:
    """How a closure criterion was last evaluated; `met` is None when that is unknown."""

    met: bool | None
    detail: str
    at: datetime


@dataclass(slots=True)
class Note:
    """Something a person wrote down: a note, somebody told, or a status update."""

    text: str
    actor: str
    written_at: datetime
    at: datetime
    """When it happened; earlier than `written_at` if back-dated."""
    role: str = ""
    is_update: bool = False


@dataclass(slots=True)
class Incident:
    """An incident's state after all events so far."""

    id: str = ""
    title: str = ""
    severity: Severity = Severity.SEV1
    declared_at: datetime | None = None
    declared_by: str = ""
    declared_mono: float = 0.0
    boot: str = ""
    closed_at: datetime | None = None
    driver: str = ""
    """Empty when nobody drives."""
    steps: dict[str, StepState] = field(default_factory=dict)
    criteria: dict[str, CriterionState] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    to_tell: dict[str, str] = field(default_factory=dict)
    """Role id → why it has to be told, from failures; removed once told."""
    last_update_at: datetime | None = None
    last_seq: int = 0

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Self:
        """The state after these events."""
        incident = cls()
        for event in events:
            incident.apply(event)
        return incident

    @property
    def open(self) -> bool:
        return self.declared_at is not None and self.closed_at is None

    def step(self, step_id: str) -> StepState:
        """The state of a step, also of one to which nothing has happened yet."""
        return self.steps.setdefault(step_id, StepState(step_id))

    def running(self) -> list[StepState]:
        """Steps under way."""
        return [state for state in self.steps.values() if state.status is StepStatus.RUNNING]

    def value(self, step_id: str, key: str) -> str | None:
        """A value that a step reported or a person gave; None while there is none."""
        state = self.steps.get(step_id)
        return None if state is None else state.values.get(key)

    def status(self, step: Step) -> StepStatus:
        """Where a step stands, its `when:` considered."""
        state = self.steps.get(step.id)
        status = StepStatus.TODO if state is None else state.status
        if status is StepStatus.TODO and step.when is not None and not self.holds(step.when):
            return StepStatus.NOT_NEEDED
        return status

    def holds(self, condition: Condition) -> bool:
        """Whether a `when:` holds now."""
        if condition.failed:
            failed = (self.steps.get(step_id) for step_id in condition.failed)
            return any(state is not None and state.ever_failed for state in failed)
        if condition.answers:
            return any(self.value(answer.step, answer.key) in condition.any_of for answer in condition.answers)
        return True

    def next_step(self, runbook: Runbook) -> Step | None:
        """The first step that is not settled and not under way; a failed one stays next until a person decides."""
        for step in runbook.steps():
            status = self.status(step)
            if not status.settled and status is not StepStatus.RUNNING:
                return step
        return None

    def unmet_needs(self, step: Step, runbook: Runbook) -> list[Step]:
        """Steps that `needs:` names and that are not settled."""
        return [need for need in map(runbook.step, step.needs) if not self.status(need).settled]

    def apply(self, event: Event) -> None:
        """Take in one event. Kinds that are not known change nothing: a newer version wrote them."""
        self.last_seq = event.seq
        handler = _HANDLERS.get(event.kind)
        if handler is not None:
            handler(self, event, event.body)


Body = Mapping[str, Any]


def _declared(incident: Incident, event: Event, body: Body) -> None:
    incident.id, incident.title = body["id"], body["title"]
    incident.severity = Severity(body["severity"])
    incident.declared_at, incident.declared_by = event.time, event.actor
    incident.declared_mono, incident.boot = event.mono, event.boot


def _severity(incident: Incident, event: Event, body: Body) -> None:
    incident.severity = Severity(body["to"])


def _closed(incident: Incident, event: Event, body: Body) -> None:
    incident.closed_at = event.time


def _joined(incident: Incident, event: Event, body: Body) -> None:
    incident.driver = event.actor


def _left(incident: Incident, event: Event, body: Body) -> None:
    incident.driver = ""


def _confirmed(incident: Incident, event: Event, body: Body) -> None:
    state = incident.step(body["step"])
    plan = Plan.from_json(body["plan"]) if body.get("plan") else None
    state.attempts.append(Attempt(body["attempt"], event.actor, event.time, plan))
    state.status, state.actor, state.reason = StepStatus.RUNNING, event.actor, body.get("reason", "")


def _attempt(incident: Incident, body: Body) -> Attempt | None:
    attempts = incident.step(body["step"]).attempts
    return next((a for a in reversed(attempts) if a.number == body["attempt"]), None)


def _started(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(incident, body):
        attempt.started_at, attempt.command = event.time, body["command"]
        attempt.supervisor = body["supervisor"]


_AFTER = {StepOutcome.DONE: StepStatus.DONE, StepOutcome.UNKNOWN: StepStatus.UNKNOWN}


def _finished(incident: Incident, event: Event, body: Body) -> None:
    state, outcome = incident.step(body["step"]), StepOutcome(body["outcome"])
    if attempt := _attempt(incident, body):
        attempt.outcome, attempt.exit, attempt.seconds = outcome, body["exit"], body["seconds"]
        attempt.ended_at = from_iso(body["ended"]) if body.get("ended") else event.time
        attempt.summary, attempt.output = body["summary"], body["output"]
    state.status = _AFTER.get(outcome, StepStatus.FAILED)
    state.ever_failed |= outcome in (StepOutcome.FAILED, StepOutcome.TIMED_OUT)  # a cancelled step did not fail
    state.values |= body["values"]
    state.settled_at = event.time
    _owe(incident, body)


def _ticked(incident: Incident, event: Event, body: Body) -> None:
    _by_hand(incident, event, body["step"], StepStatus.DONE, body["note"])
    incident.step(body["step"]).values |= body["values"]


def _failed_by_hand(incident: Incident, event: Event, body: Body) -> None:
    _by_hand(incident, event, body["step"], StepStatus.FAILED, body["reason"])
    incident.step(body["step"]).ever_failed = True
    _owe(incident, body)


def _owe(incident: Incident, body: Body) -> None:
    for role in body.get("tell", ()):
        incident.to_tell[role] = f"{body['step']} failed"


def _skipped(incident: Incident, event: Event, body: Body) -> None:
    _by_hand(incident, event, body["step"], StepStatus.SKIPPED, body["reason"])


def _reopened(incident: Incident, event: Event, body: Body) -> None:
    _by_hand(incident, event, body["step"], StepStatus.TODO, body["reason"])


def _by_hand(incident: Incident, event: Event, step_id: str, status: StepStatus, reason: str) -> None:
    state = incident.step(step_id)
    state.status, state.actor, state.reason = status, event.actor, reason
    state.settled_at = event.time if status.settled else None


def _reading(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(incident, body):
        reading = Reading.from_json(body["reading"])
        (attempt.before if body["when"] == "before" else attempt.after)[reading.probe] = reading


def _criterion(incident: Incident, event: Event, body: Body) -> None:
    incident.criteria[body["criterion"]] = CriterionState(body["met"], body["detail"], event.time)


def _note(incident: Incident, event: Event, body: Body) -> None:
    at = from_iso(body["at"]) if body.get("at") else event.time
    incident.notes.append(Note(body["text"], event.actor, event.time, at))


def _told(incident: Incident, event: Event, body: Body) -> None:
    incident.notes.append(Note(body["message"], event.actor, event.time, event.time, role=body["role"]))
    incident.to_tell.pop(body["role"], None)


def _update(incident: Incident, event: Event, body: Body) -> None:
    incident.notes.append(Note(body["message"], event.actor, event.time, event.time, is_update=True))
    incident.last_update_at = event.time


_HANDLERS: dict[str, Callable[[Incident, Event, Body], None]] = {
    Kind.DECLARED: _declared,
    Kind.SEVERITY: _severity,
    Kind.CLOSED: _closed,
    Kind.DRIVER_JOINED: _joined,
    Kind.DRIVER_LEFT: _left,
    Kind.CONFIRMED: _confirmed,
    Kind.STARTED: _started,
    Kind.FINISHED: _finished,
    Kind.TICKED: _ticked,
    Kind.FAILED_BY_HAND: _failed_by_hand,
    Kind.SKIPPED: _skipped,
    Kind.REOPENED: _reopened,
    Kind.READING: _reading,
    Kind.CRITERION: _criterion,
    Kind.NOTE: _note,
    Kind.TOLD: _told,
    Kind.UPDATE: _update,
}
