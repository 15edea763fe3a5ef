"""What one event brings with it, and a driver that died may not have written any more: a resumed incident catches
up."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.engine.owed_messages import is_told_by_channel
from midwatch.incident.events import Event, EventKind
from midwatch.incident.state import Incident
from midwatch.runbook.model import Runbook, Step
from midwatch.runbook.severity import Severity


def pending_escalation(incident: Incident, runbook: Runbook) -> tuple[Severity, Step] | None:
    """The severity to which a failed step should have raised the incident, when nothing was decided on it since."""
    failed = (runbook.steps_by_id.get(name) for name in reversed(incident.unjudged_failures))
    for step in filter(None, failed):  # an adopted runbook may not have it any more
        worse = step.on_failure.raise_severity
        if worse is not None and worse < incident.severity:  # SEV-0 is worse than SEV-1
            return worse, step
    return None


def pending_notifications(events: Sequence[Event], runbook: Runbook) -> list[tuple[str, str]]:
    """Role and message of every telling that a marked done step stands for and that is not in the journal."""
    owed: dict[str, str] = {}
    for event in events:
        if event.kind == EventKind.MARKED_DONE:
            if step := runbook.steps_by_id.get(str(event.body["step"])):
                people = (role for role in step.notify if not is_told_by_channel(runbook, role))
                owed |= dict.fromkeys(people, str(event.body["note"]) or step.title)
        elif event.kind == EventKind.NOTIFICATION_RECORDED:
            owed.pop(str(event.body["role"]), None)
    return list(owed.items())


def pending_readings(events: Sequence[Event], incident: Incident, runbook: Runbook) -> tuple[Step, int] | None:
    """The attempt whose readings after its end are missing; only the last one, since others have moved the world
    since."""
    confirmed = next((event for event in reversed(events) if event.kind == EventKind.CONFIRMED), None)
    if confirmed is None:
        return None
    step = runbook.steps_by_id.get(str(confirmed.body["step"]))
    last = incident.step(step.id).last if step else None
    if step is None or last is None or last.outcome is None or last.started_at is None:
        return None
    return (step, last.number) if set(step.measure) - set(last.after) else None
