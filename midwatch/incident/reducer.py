"""The fold: an incident's state from its events, and from nothing else.

The screen, `resume`, a second terminal and the export all reduce the same events, so they cannot disagree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from midwatch.api.plan import Plan
from midwatch.api.probe import Reading
from midwatch.incident.event_errors import event_errors
from midwatch.incident.events import RETIRED_KINDS, Event, EventKind, StepOutcome, seconds_between
from midwatch.incident.server_pins import Pin
from midwatch.incident.state import (
    Approval,
    Attempt,
    Correction,
    CriterionState,
    Incident,
    Note,
    Offer,
    StepState,
    StepStatus,
)
from midwatch.runbook.model import Severity
from midwatch.system.clock import from_rfc3339
from midwatch.system.errors import BadInput
from midwatch.system.identity import Identity


def reduce(events: Iterable[Event]) -> Incident:
    """The state after these events. Raises `BadInput` for one whose body is not as `docs/journal.md` has it."""
    incident = Incident()
    for event in events:
        apply_event(incident, event)
    return incident


def apply_event(incident: Incident, event: Event) -> None:
    """Take in one event. Kinds that are not known change nothing: a newer version wrote them.

    Raises `BadInput` for a kind of a build before the first release.
    """
    if event.kind in RETIRED_KINDS:
        raise BadInput(
            f"Event {event.seq} of this journal ({event.kind}) comes from a build of Midwatch before its first release",
            hint="Read this incident with that build",
        )
    if incident.last is not None:
        incident.elapsed += seconds_between(incident.last, event)
    incident.last = event
    handler = _HANDLERS.get(event.kind)
    if handler is not None:
        with event_errors(incident.id or str(event.body.get("id", "")), event):
            handler(incident, event, event.body)


Body = Mapping[str, Any]


def _declared(incident: Incident, event: Event, body: Body) -> None:
    incident.id, incident.title = body["id"], body["title"]
    incident.severity = Severity(body["severity"])
    incident.declared_at = event.time
    incident.inputs = dict(body.get("inputs", {}))


def _severity(incident: Incident, event: Event, body: Body) -> None:
    incident.severity = Severity(body["to"])


def _closed(incident: Incident, event: Event, body: Body) -> None:
    incident.closed_at, incident.lasted = event.time, incident.elapsed


def _joined(incident: Incident, event: Event, body: Body) -> None:
    incident.driver, incident.offer, incident.asked_by = event.actor, None, ""


def _left(incident: Incident, event: Event, body: Body) -> None:
    incident.driver, incident.asked_by = "", ""


def _offered(incident: Incident, event: Event, body: Body) -> None:
    incident.offer = Offer(
        event.seq, event.actor, body["to"], event.time, from_rfc3339(body["expires"]), tuple(body["summary"])
    )
    incident.asked_by = ""


def _withdrawn(incident: Incident, event: Event, body: Body) -> None:
    incident.offer = None


def _approval_asked(incident: Incident, event: Event, body: Body) -> None:
    by = Identity.from_json(body["by"])
    incident.approvals[body["step"]] = Approval(body["step"], body["digest"], event.seq, by, event.time)


def _approval_judged(incident: Incident, event: Event, body: Body) -> None:
    """Only what was said to the request that stands, to its very plan, and by another person."""
    asked, by = incident.approvals.get(body["step"]), Identity.from_json(body["by"])
    if asked is None or not asked.waits or (asked.seq, asked.digest) != (body["asked"], body["digest"]):
        return
    given = by if event.kind == EventKind.APPROVAL_GIVEN and not by.may_be_same_as(asked.asked_by) else None
    declined = str(body.get("reason", "")) if event.kind == EventKind.APPROVAL_DECLINED else ""
    incident.approvals[body["step"]] = dataclasses.replace(
        asked, given_by=given, judge=by.name, judged_at=event.time, declined=declined
    )


def _asked(incident: Incident, event: Event, body: Body) -> None:
    incident.asked_by = body["by"]


def _confirmed(incident: Incident, event: Event, body: Body) -> None:
    state = incident.step(body["step"])
    plan = Plan.from_json(body["plan"]) if body.get("plan") else None
    undoes = body.get("undoes")
    unmet = tuple(
        f"{item['title']}: {item['detail']}" for item in body.get("preconditions", ()) if item["met"] is not True
    )
    state.attempts.append(Attempt(body["attempt"], event.actor, event.time, plan, undoes, unmet, state.status))
    state.attempts[-1].approved_by, state.attempts[-1].began = body.get("approved_by", ""), incident.elapsed
    state.status, state.actor, state.reason = StepStatus.RUNNING, event.actor, body.get("reason", "")
    if undoes is None:
        incident.approvals.pop(body["step"], None)


def _pinned(incident: Incident, event: Event, body: Body) -> None:
    incident.pins[body["target"]] = Pin(body["system_identifier"], body["role"])


def _attempt(incident: Incident, body: Body) -> Attempt | None:
    attempts = incident.step(body["step"]).attempts
    return next((a for a in reversed(attempts) if a.number == body["attempt"]), None)


def _started(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(incident, body):
        attempt.started_at, attempt.command = event.time, body["command"]
        attempt.supervisor, attempt.began = body["supervisor"], incident.elapsed


_AFTER = {StepOutcome.DONE: StepStatus.DONE, StepOutcome.UNKNOWN: StepStatus.UNKNOWN}


def _finished(incident: Incident, event: Event, body: Body) -> None:
    state, outcome = incident.step(body["step"]), StepOutcome(body["outcome"])
    attempt = _attempt(incident, body)
    if attempt is not None:
        attempt.outcome, attempt.exit, attempt.seconds = outcome, body["exit"], body["seconds"]
        attempt.ended_at = from_rfc3339(body["ended"]) if body.get("ended") else event.time
        attempt.summary, attempt.output = body["summary"], body["output"]
    state.concluded_at = event.time
    if attempt is not None and attempt.undoes is not None:
        _undone(state, attempt, outcome)
        return
    state.status = _AFTER.get(outcome, StepStatus.FAILED)
    state.ever_failed |= outcome in (StepOutcome.FAILED, StepOutcome.TIMED_OUT)  # a cancelled step did not fail
    state.values |= body["values"]
    _owe(incident, body)


def _undone(state: StepState, attempt: Attempt, outcome: StepOutcome) -> None:
    """What the undo makes of the step: to do again, or as it was before when the undo did not come to its end."""
    if outcome is StepOutcome.DONE:
        state.status, state.reason, state.concluded_at, state.values = StepStatus.TODO, "undone", None, {}
    else:
        state.status = StepStatus.UNKNOWN if outcome is StepOutcome.UNKNOWN else attempt.status_before


def _verified(incident: Incident, event: Event, body: Body) -> None:
    """Evidence settles only what nobody knows."""
    state = incident.step(body["step"])
    if state.status is StepStatus.UNKNOWN and body["holds"] is not None:
        state.status = StepStatus.DONE if body["holds"] else StepStatus.FAILED
        state.actor, state.reason, state.concluded_at = event.actor, body["detail"], event.time


def _ticked(incident: Incident, event: Event, body: Body) -> None:
    _by_hand(incident, event, body["step"], StepStatus.DONE, body["note"])
    incident.step(body["step"]).values |= body["values"]


def _failed_by_hand(incident: Incident, event: Event, body: Body) -> None:
    _by_hand(incident, event, body["step"], StepStatus.FAILED, body["reason"])
    incident.step(body["step"]).ever_failed = True
    _owe(incident, body)


def _owe(incident: Incident, body: Body) -> None:
    for role in body.get("notify", ()):
        incident.to_notify[role] = f"{body['step']} failed"


def _skipped(incident: Incident, event: Event, body: Body) -> None:
    _by_hand(incident, event, body["step"], StepStatus.SKIPPED, body["reason"])


def _reopened(incident: Incident, event: Event, body: Body) -> None:
    """To do again, or needed although its condition does not say so."""
    _by_hand(incident, event, body["step"], StepStatus.TODO, body["reason"])
    incident.step(body["step"]).needed = True


def _by_hand(incident: Incident, event: Event, step_id: str, status: StepStatus, reason: str) -> None:
    state = incident.step(step_id)
    state.status, state.actor, state.reason = status, event.actor, reason
    state.concluded_at = event.time if status.concluded else None


def _reading(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(incident, body):
        reading = Reading.from_json(body["reading"])
        (attempt.before if body["when"] == "before" else attempt.after)[reading.probe] = reading


def _criterion(incident: Incident, event: Event, body: Body) -> None:
    incident.criteria[body["criterion"]] = CriterionState(body["met"], body["detail"], event.time)


def _note(incident: Incident, event: Event, body: Body) -> None:
    at = from_rfc3339(body["at"]) if body.get("at") else event.time
    incident.notes.append(Note(body["text"], event.actor, event.time, at, seq=event.seq))


def _told(incident: Incident, event: Event, body: Body) -> None:
    incident.notes.append(Note(body["message"], event.actor, event.time, event.time, role=body["role"], seq=event.seq))
    incident.to_notify.pop(body["role"], None)


def _update(incident: Incident, event: Event, body: Body) -> None:
    incident.notes.append(Note(body["message"], event.actor, event.time, event.time, is_update=True, seq=event.seq))
    incident.last_update_at, incident.updated = event.time, incident.elapsed


def _corrected(incident: Incident, event: Event, body: Body) -> None:
    incident.corrections[body["event"]] = Correction(body["text"], event.actor, event.time, event.seq)
    for note in incident.notes:
        if note.seq == body["event"]:
            note.was, note.text = note.was or note.text, body["text"]


def _starred(incident: Incident, event: Event, body: Body) -> None:
    (incident.stars.add if body["starred"] else incident.stars.discard)(body["event"])


def _moved(incident: Incident, event: Event, body: Body) -> None:
    incident.journal_away = body["to"]


def _back(incident: Incident, event: Event, body: Body) -> None:
    incident.journal_away = ""


_HANDLERS: dict[str, Callable[[Incident, Event, Body], None]] = {
    EventKind.DECLARED: _declared,
    EventKind.SEVERITY: _severity,
    EventKind.CLOSED: _closed,
    EventKind.DRIVER_JOINED: _joined,
    EventKind.DRIVER_TOOK_OVER: _joined,
    EventKind.DRIVER_LEFT: _left,
    EventKind.HANDOFF_OFFERED: _offered,
    EventKind.HANDOFF_WITHDRAWN: _withdrawn,
    EventKind.CONTROL_REQUESTED: _asked,
    EventKind.APPROVAL_ASKED: _approval_asked,
    EventKind.APPROVAL_GIVEN: _approval_judged,
    EventKind.APPROVAL_DECLINED: _approval_judged,
    EventKind.CONFIRMED: _confirmed,
    EventKind.PINNED: _pinned,
    EventKind.STARTED: _started,
    EventKind.FINISHED: _finished,
    EventKind.OUTCOME_CHECKED: _verified,
    EventKind.MARKED_DONE: _ticked,
    EventKind.MARKED_FAILED: _failed_by_hand,
    EventKind.SKIPPED: _skipped,
    EventKind.REOPENED: _reopened,
    EventKind.READING: _reading,
    EventKind.CRITERION: _criterion,
    EventKind.NOTE: _note,
    EventKind.TEXT_CORRECTED: _corrected,
    EventKind.STARRED: _starred,
    EventKind.NOTIFICATION_RECORDED: _told,
    EventKind.UPDATE: _update,
    EventKind.JOURNAL_FAILED_OVER: _moved,
    EventKind.JOURNAL_FAILED_BACK: _back,
    EventKind.JOURNAL_FALLBACK_LOST: _back,
}
