"""The summary for the next driver: done, running, open, failed and unknown steps, pending notifications, due dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from midwatch.incident.state import Incident
from midwatch.incident.step_state import StepState
from midwatch.incident.step_status import StepStatus
from midwatch.reports.message_text import delivery_words
from midwatch.runbook.declaration import input_lines
from midwatch.runbook.model import Runbook, Step
from midwatch.system.clock import Clock
from midwatch.system.units import duration

_OPEN_SHOWN = 5
_LONGEST = 200
"""Lines that an offer keeps in the journal."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading and its lines."""

    id: str
    title: str
    lines: tuple[str, ...]


def handoff_summary(runbook: Runbook, incident: Incident, clock: Clock, due: datetime | None) -> list[Section]:
    """The incident as it stands, for whoever takes it over; the most urgent first. `due` is when the next update is."""
    now, steady = clock.now(), incident.elapsed_now(clock)
    by_status: dict[StepStatus, list[Step]] = {}
    for step in runbook.steps():
        by_status.setdefault(incident.status(step), []).append(step)

    def told(*statuses: StepStatus) -> tuple[str, ...]:
        return tuple(
            _told(step, incident.steps.get(step.id), steady) for s in statuses for step in by_status.get(s, ())
        )

    todo, done = by_status.get(StepStatus.TODO, []), by_status.get(StepStatus.DONE, [])
    following = incident.next_step(runbook) if incident.open else None
    ahead = f"{following.number} {following.title}" if following else "nothing: close it"
    sections = [
        Section("environment", "Environment", (runbook.environment.word,)),
        Section("running", "Running", told(StepStatus.RUNNING)),
        Section("failed", "Failed or unknown", told(StepStatus.FAILED, StepStatus.UNKNOWN)),
        Section("prove_again", "To be proved again", told(StepStatus.PROVE_AGAIN)),
        Section("undecided", "Undecided", tuple(_undecided(by_status.get(StepStatus.UNDECIDED, []), incident))),
        Section("next", "Next", (ahead if incident.open else f"nothing: the incident is {incident.word}",)),
        Section(
            "to_notify",
            "Still to be notified",
            tuple(_role(runbook, role, why) for role, why in incident.to_notify.items()),
        ),
        Section("undelivered", "Messages not delivered", tuple(map(delivery_words, incident.undelivered))),
        Section("update", "Next status update", (_update(due, now),) if due else ()),
        Section("open", f"Open: {len(todo)}", tuple(_open(todo))),
        Section("skipped", "Skipped", told(StepStatus.SKIPPED)),
        Section("done", f"Done: {len(done)}", (", ".join(step.number for step in done),) if done else ()),
        Section("inputs", "Given at the declaration", tuple(input_lines(runbook, incident.inputs))),
        Section("closure", "Closure criteria", tuple(_criteria(runbook, incident))),
    ]
    return [section for section in sections if section.lines]


def headline(incident: Incident, clock: Clock) -> str:
    """Which incident, how severe, for how long."""
    state = f"open for {duration(incident.elapsed_now(clock))}" if incident.open else incident.word
    return f"{incident.id}  {incident.severity}  {incident.title}, {state}"


def as_lines(sections: list[Section]) -> list[str]:
    """The whole of it as plain lines."""
    found = [line for section in sections for line in (section.title, *(f"  {line}" for line in section.lines))]
    return found if len(found) <= _LONGEST else [*found[:_LONGEST], f"and {len(found) - _LONGEST} more lines"]


def as_json(sections: list[Section]) -> dict[str, Any]:
    """The lines by the sections' ids."""
    return {section.id: list(section.lines) for section in sections}


def _told(step: Step, state: StepState | None, steady: float) -> str:
    name = f"{step.number} {step.title}"
    last = state.last if state else None
    if state is None:
        return name
    if state.status is StepStatus.RUNNING and last is not None:
        which = f", {last.present_try}" if last.tries else ""
        return f"{name}, for {duration(last.runs_for(steady))}{which}, started by {last.actor}"
    why = (last.summary if last and state.status in (StepStatus.FAILED, StepStatus.UNKNOWN) else "") or state.reason
    word = f" ({state.status})" if state.status is StepStatus.UNKNOWN else ""
    return f"{name}{word}: {why}" if why else f"{name}{word}"


def _undecided(steps: list[Step], incident: Incident) -> Iterator[str]:
    """The steps of which nobody can know whether they are needed, and why."""
    yield from (f"{step.number} {step.title}: {incident.condition(step).reason}" for step in steps)


def _open(todo: list[Step]) -> Iterator[str]:
    yield from (f"{step.number} {step.title}" for step in todo[:_OPEN_SHOWN])
    if len(todo) > _OPEN_SHOWN:
        yield f"and {len(todo) - _OPEN_SHOWN} more"


def _role(runbook: Runbook, role: str, why: str) -> str:
    found = runbook.roles.get(role)
    contact = f", {found.contact}" if found and found.contact else ""
    return f"{found.name if found else role}{contact}: {why}"


def _update(due: datetime, now: datetime) -> str:
    left = (due - now).total_seconds()
    return f"due in {duration(left)}, at {due:%H:%M:%S} UTC" if left >= 0 else f"overdue by {duration(-left)}"


def _criteria(runbook: Runbook, incident: Incident) -> Iterator[str]:
    words = {True: "met", False: "not met", None: "unknown"}
    for criterion in runbook.closure:
        state = incident.criteria.get(criterion.id)
        yield f"{criterion.title}: {words[state.met] if state else 'not evaluated'}"
