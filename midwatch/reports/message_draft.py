"""The draft of a message from the journal: a status update, or a message to another channel. A person edits it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from midwatch.api.probe import Level, Reading
from midwatch.incident.events import Event, EventKind
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.channels import INCIDENT_CHANNEL
from midwatch.runbook.message_templates import filled, template_of
from midwatch.runbook.model import Environment, Runbook, Step
from midwatch.runbook.questions import READERS
from midwatch.system.clock import Clock
from midwatch.system.units import duration, first_few

_MOST = 5
"""Items that a line names; the others are counted."""


def draft(
    runbook: Runbook, incident: Incident, events: Sequence[Event], clock: Clock, audience: str = INCIDENT_CHANNEL
) -> str:
    """The template of the channel `audience`, filled in with how the incident stands."""
    ahead, every, now = incident.next_step(runbook), runbook.comms.update_every, clock.now()
    elapsed = duration(incident.elapsed_now(clock))
    by_status: dict[StepStatus, list[str]] = {}
    for step in runbook.steps():
        by_status.setdefault(incident.status(step), []).append(step.title)
    unknown = [*by_status.get(StepStatus.UNKNOWN, ()), *by_status.get(StepStatus.UNDECIDED, ())]
    values = {
        "incident": incident.id,
        "title": incident.title,
        "severity": incident.severity.value,
        "environment": "" if runbook.environment is Environment.PRODUCTION else runbook.environment.value,
        "number": str(sum(1 for note in incident.notes if note.is_update) + 1),
        "now": _clock(now),
        "declared": _clock(incident.declared_at) if incident.declared_at else "",
        "elapsed": elapsed,
        "what": _what(runbook, incident),
        "impact": _impact(runbook, incident) or "not assessed yet",
        "numbers": first_few([f"open for {elapsed}", *_numbers(runbook, incident, events)], _MOST, "; "),
        "done": _listed(_done(runbook, incident, events)) or "nothing new",
        "running": _listed(runbook.step(state.id).title for state in incident.running()),
        "failed": _listed(by_status.get(StepStatus.FAILED, ())),
        "unknown": _listed(unknown),
        "next": ahead.title if ahead else "closing",
        "next_update": _clock(now + timedelta(seconds=every)) if every else "",
    }
    return filled(template_of(runbook.channels.get(audience), runbook.comms.templates), values)


def _what(runbook: Runbook, incident: Incident) -> str:
    """The first sentence of the runbook's summary, which says what has happened; the others say what to do."""
    sentence = " ".join((runbook.summary or incident.title).split()).partition(". ")[0].rstrip(".")
    return f"{sentence}, declared at {_clock(incident.declared_at)}" if incident.declared_at else sentence


def _impact(runbook: Runbook, incident: Incident) -> str:
    """What a person answered under `impact`, else the yes-or-no questions that were answered."""
    for step in runbook.steps():
        if said := incident.value(step.id, "impact"):
            return " ".join(said.split())
    return "; ".join(_answers(runbook, incident, ("yes-no",)))


def _answers(runbook: Runbook, incident: Incident, kinds: Iterable[str]) -> Iterator[str]:
    for step in runbook.steps():
        for question in step.questions:
            if question.kind in kinds and (answer := incident.value(step.id, question.name)):
                yield f"{question.prompt.rstrip()} {answer}"


def _numbers(runbook: Runbook, incident: Incident, events: Sequence[Event]) -> Iterator[str]:
    """Answers that are numbers, and what a panel warned of when its reading was last journaled."""
    yield from _answers(runbook, incident, READERS)
    latest: dict[str, Reading] = {}
    for event in events:
        if event.kind == EventKind.READING:
            reading = Reading.from_json(event.body["reading"])
            latest[reading.probe] = reading
    for reading in latest.values():
        for row in reading.rows if not reading.error else ():
            if row.level in (Level.WARN, Level.CRITICAL):
                yield f"{reading.probe} {row.label} {row.text} at {_clock(reading.at)}"


def _done(runbook: Runbook, incident: Incident, events: Sequence[Event]) -> list[str]:
    since = max((event.seq for event in events if event.kind == EventKind.UPDATE), default=0)
    touched = {
        str(event.body["step"])
        for event in events
        if event.seq > since and event.kind in (EventKind.FINISHED, EventKind.MARKED_DONE)
    }
    steps: Iterable[Step] = runbook.steps()
    return [step.title for step in steps if step.id in touched and incident.status(step) is StepStatus.DONE]


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC"


def _listed(items: Iterable[str]) -> str:
    items = list(items)
    more = len(items) - _MOST
    return "; ".join([*items[-_MOST:], *([f"and {more} more"] if more > 0 else [])])
