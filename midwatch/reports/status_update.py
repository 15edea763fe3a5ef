"""The draft of a status update from the journal. A person edits and posts the update, and records that it was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from midwatch.incident.events import Event, EventKind
from midwatch.incident.state import Incident, StepStatus
from midwatch.runbook.model import Runbook, Step

_MOST = 5
"""Titles that a line names; the others are counted."""


def draft(runbook: Runbook, incident: Incident, events: Sequence[Event], now: datetime) -> str:
    """Impact, what is done since the last update, what goes on, what is next, and when the next update comes; a line
    each."""
    number = sum(1 for note in incident.notes if note.is_update) + 1
    lines = [f"{incident.severity} {incident.title}, update {number}, {now.astimezone(UTC):%H:%M} UTC"]
    lines.append(f"Impact: {_impact(runbook, incident)}")
    lines.append(f"Done: {_done(runbook, incident, events)}")
    running = [runbook.step(state.id).title for state in incident.running()]
    if running:
        lines.append(f"Running: {_listed(running)}")
    broken = [
        step.title for step in runbook.steps() if incident.status(step) in (StepStatus.FAILED, StepStatus.UNKNOWN)
    ]
    if broken:
        lines.append(f"Not working: {_listed(broken)}")
    ahead = incident.next_step(runbook)
    lines.append(f"Next: {ahead.title if ahead else 'closing'}")
    every = runbook.comms.update_every
    if every:
        lines.append(f"Next update: by {now.astimezone(UTC) + timedelta(seconds=every):%H:%M} UTC")
    return "\n".join(lines)


def _impact(runbook: Runbook, incident: Incident) -> str:
    """What a person answered under `impact`, else the yes-or-no questions that were answered, else a mark to be
    replaced."""
    for step in runbook.steps():
        if said := incident.value(step.id, "impact"):
            return " ".join(said.split())
    answers = [
        f"{ask.prompt.rstrip()} {answer}"
        for step in runbook.steps()
        for ask in step.questions
        if ask.kind == "yes-no" and (answer := incident.value(step.id, ask.name))
    ]
    return "; ".join(answers) or "not assessed yet"


def _done(runbook: Runbook, incident: Incident, events: Sequence[Event]) -> str:
    since = max((event.seq for event in events if event.kind == EventKind.UPDATE), default=0)
    touched = {
        str(event.body["step"])
        for event in events
        if event.seq > since and event.kind in (EventKind.FINISHED, EventKind.MARKED_DONE)
    }
    steps: list[Step] = [
        step for step in runbook.steps() if step.id in touched and incident.status(step) is StepStatus.DONE
    ]
    return _listed([step.title for step in steps]) if steps else "nothing new"


def _listed(titles: Sequence[str]) -> str:
    more = len(titles) - _MOST
    return "; ".join([*titles[-_MOST:], *([f"and {more} more"] if more > 0 else [])])
