"""The reducer: an incident's state from its events, and from nothing else.

The screen, `resume`, a second terminal and the export all reduce the same events, so they cannot disagree. Each event makes
a new state out of the one before: what the event touches is copied, everything else is shared. So a state that somebody
reads never changes, and an event costs the same however many came before.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
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
    return functools.reduce(apply_event, events, Incident())


def apply_event(before: Incident, event: Event) -> Incident:
    """The state after one more event. Kinds that are not known change nothing: a newer version wrote them.

    Raises `BadInput` for a kind of a build before the first release.
    """
    if event.kind in RETIRED_KINDS:
        raise BadInput(
            f"Event {event.seq} of this journal ({event.kind}) comes from a build of Midwatch before its first release",
            hint="Read this incident with that build",
        )
    elapsed = before.elapsed + (seconds_between(before.last, event) if before.last is not None else 0.0)
    incident = dataclasses.replace(before, elapsed=elapsed, last=event)
    handler = _HANDLERS.get(event.kind)
    if handler is not None:
        with event_errors(incident.id or str(event.body.get("id", "")), event):
            handler(incident, event, event.body)
    return incident


Body = Mapping[str, Any]


def _step(incident: Incident, body: Body) -> StepState:
    """A copy of the step's state, already in the new state of the incident, to be changed."""
    state = dataclasses.replace(incident.step(body["step"]))
    incident.steps = {**incident.steps, state.id: state}
    return state


def _attempt(state: StepState, body: Body) -> Attempt | None:
    """A copy of the attempt, already in the step's new state, to be changed."""
    number = body["attempt"]
    for index in range(len(state.attempts) - 1, -1, -1):
        if state.attempts[index].number == number:
            attempt = dataclasses.replace(state.attempts[index])
            state.attempts = state.attempts.replaced(index, attempt)
            return attempt
    return None


def _declared(incident: Incident, event: Event, body: Body) -> None:
    incident.id, incident.title = body["id"], body["title"]
    incident.severity = Severity(body["severity"])
    incident.declared_at = event.time
    incident.inputs = dict(body.get("inputs", {}))


def _severity(incident: Incident, event: Event, body: Body) -> None:
    incident.severity, incident.unjudged_failures = Severity(body["to"]), ()


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
    approval = Approval(body["step"], body["digest"], event.seq, by, event.time)
    incident.approvals = {**incident.approvals, approval.step: approval}


def _approval_judged(incident: Incident, event: Event, body: Body) -> None:
    """Only what was said to the request that stands, to its very plan, and by another person."""
    asked, by = incident.approvals.get(body["step"]), Identity.from_json(body["by"])
    if asked is None or not asked.waits or (asked.seq, asked.digest) != (body["asked"], body["digest"]):
        return
    given = by if event.kind == EventKind.APPROVAL_GIVEN and not by.may_be_same_as(asked.asked_by) else None
    declined = str(body.get("reason", "")) if event.kind == EventKind.APPROVAL_DECLINED else ""
    judged = dataclasses.replace(asked, given_by=given, judge=by.name, judged_at=event.time, declined=declined)
    incident.approvals = {**incident.approvals, judged.step: judged}


def _asked(incident: Incident, event: Event, body: Body) -> None:
    incident.asked_by = body["by"]


def _confirmed(incident: Incident, event: Event, body: Body) -> None:
    state = _step(incident, body)
    attempt = Attempt(
        body["attempt"],
        event.actor,
        event.time,
        plan=Plan.from_json(body["plan"]) if body.get("plan") else None,
        digest=str(body.get("digest", "")),
        undoes=body.get("undoes"),
        unmet=tuple(
            f"{item['title']}: {item['detail']}" for item in body.get("preconditions", ()) if item["met"] is not True
        ),
        status_before=state.status,
        approved_by=body.get("approved_by", ""),
        began=incident.elapsed,
    )
    state.attempts = state.attempts.appended(attempt)
    state.status, state.actor, state.reason = StepStatus.RUNNING, event.actor, body.get("reason", "")
    if attempt.undoes is None:
        incident.approvals = {step: approval for step, approval in incident.approvals.items() if step != state.id}


def _pinned(incident: Incident, event: Event, body: Body) -> None:
    incident.pins = {**incident.pins, body["target"]: Pin(body["system_identifier"], body["role"])}


def _started(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(_step(incident, body), body):
        attempt.started_at, attempt.command = event.time, body["command"]
        attempt.supervisor, attempt.began = body["supervisor"], incident.elapsed


_AFTER = {StepOutcome.DONE: StepStatus.DONE, StepOutcome.UNKNOWN: StepStatus.UNKNOWN}


def _finished(incident: Incident, event: Event, body: Body) -> None:
    state, outcome = _step(incident, body), StepOutcome(body["outcome"])
    attempt = _attempt(state, body)
    if attempt is not None:
        attempt.outcome, attempt.exit, attempt.seconds = outcome, body["exit"], body["seconds"]
        attempt.ended_at = from_rfc3339(body["ended"]) if body.get("ended") else event.time
        attempt.summary, attempt.output = body["summary"], body["output"]
    state.concluded_at = event.time
    if attempt is not None and attempt.undoes is not None:
        _undone(state, attempt, outcome)
        return
    state.status = _AFTER.get(outcome, StepStatus.FAILED)
    state.values = {**state.values, **body["values"]}
    if outcome in (StepOutcome.FAILED, StepOutcome.TIMED_OUT):  # a cancelled step did not fail
        _failed(incident, state)
    _owe(incident, body)


def _undone(state: StepState, attempt: Attempt, outcome: StepOutcome) -> None:
    """What the undo makes of the step: to do again, or as it was before when the undo did not come to its end."""
    if outcome is StepOutcome.DONE:
        state.status, state.reason, state.concluded_at, state.values = StepStatus.TODO, "undone", None, {}
    else:
        state.status = StepStatus.UNKNOWN if outcome is StepOutcome.UNKNOWN else attempt.status_before


def _outcome_checked(incident: Incident, event: Event, body: Body) -> None:
    """Evidence settles only what nobody knows."""
    state = _step(incident, body)
    if state.status is StepStatus.UNKNOWN and body["holds"] is not None:
        state.status = StepStatus.DONE if body["holds"] else StepStatus.FAILED
        state.actor, state.reason, state.concluded_at = event.actor, body["detail"], event.time


def _marked_done(incident: Incident, event: Event, body: Body) -> None:
    state = _decided(incident, event, body, StepStatus.DONE, body["note"])
    state.values = {**state.values, **body["values"]}


def _marked_failed(incident: Incident, event: Event, body: Body) -> None:
    _failed(incident, _decided(incident, event, body, StepStatus.FAILED, body["reason"]))
    _owe(incident, body)


def _failed(incident: Incident, state: StepState) -> None:
    state.ever_failed = True
    others = (step_id for step_id in incident.unjudged_failures if step_id != state.id)
    incident.unjudged_failures = (*others, state.id)


def _owe(incident: Incident, body: Body) -> None:
    owed = dict.fromkeys(body.get("notify", ()), f"{body['step']} failed")
    incident.to_notify = {**incident.to_notify, **owed}


def _skipped(incident: Incident, event: Event, body: Body) -> None:
    _decided(incident, event, body, StepStatus.SKIPPED, body["reason"])


def _reopened(incident: Incident, event: Event, body: Body) -> None:
    """To do again, or needed although its condition does not say so."""
    _decided(incident, event, body, StepStatus.TODO, body["reason"]).needed = True


def _decided(incident: Incident, event: Event, body: Body, status: StepStatus, reason: str) -> StepState:
    """A person's decision about a step."""
    state = _step(incident, body)
    state.status, state.actor, state.reason = status, event.actor, reason
    state.concluded_at = event.time if status.concluded else None
    return state


def _reading(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(_step(incident, body), body):
        reading = Reading.from_json(body["reading"])
        if body["when"] == "before":
            attempt.before = {**attempt.before, reading.probe: reading}
        else:
            attempt.after = {**attempt.after, reading.probe: reading}


def _criterion(incident: Incident, event: Event, body: Body) -> None:
    state = CriterionState(body["met"], body["detail"], event.time)
    incident.criteria = {**incident.criteria, body["criterion"]: state}


def _note(incident: Incident, event: Event, body: Body) -> None:
    at = from_rfc3339(body["at"]) if body.get("at") else event.time
    _add_note(incident, Note(body["text"], event.actor, event.time, at, seq=event.seq))


def _notified(incident: Incident, event: Event, body: Body) -> None:
    _add_note(incident, Note(body["message"], event.actor, event.time, event.time, role=body["role"], seq=event.seq))
    incident.to_notify = {role: reason for role, reason in incident.to_notify.items() if role != body["role"]}


def _update(incident: Incident, event: Event, body: Body) -> None:
    _add_note(incident, Note(body["message"], event.actor, event.time, event.time, is_update=True, seq=event.seq))
    incident.last_update_at, incident.updated = event.time, incident.elapsed


def _add_note(incident: Incident, note: Note) -> None:
    incident.notes = incident.notes.appended(note)


def _corrected(incident: Incident, event: Event, body: Body) -> None:
    correction = Correction(body["text"], event.actor, event.time, event.seq)
    incident.corrections = incident.corrections.with_item(body["event"], correction)
    index = bisect.bisect_left(incident.notes, body["event"], key=lambda note: note.seq)
    if index < len(incident.notes) and (note := incident.notes[index]).seq == body["event"]:
        corrected = dataclasses.replace(note, was=note.was or note.text, text=correction.text)
        incident.notes = incident.notes.replaced(index, corrected)


def _starred(incident: Incident, event: Event, body: Body) -> None:
    starred, seq = incident.starred, body["event"]
    incident.starred = starred.with_item(seq, True) if body["starred"] else starred.without(seq)


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
    EventKind.OUTCOME_CHECKED: _outcome_checked,
    EventKind.MARKED_DONE: _marked_done,
    EventKind.MARKED_FAILED: _marked_failed,
    EventKind.SKIPPED: _skipped,
    EventKind.REOPENED: _reopened,
    EventKind.READING: _reading,
    EventKind.CRITERION: _criterion,
    EventKind.NOTE: _note,
    EventKind.TEXT_CORRECTED: _corrected,
    EventKind.STARRED: _starred,
    EventKind.NOTIFICATION_RECORDED: _notified,
    EventKind.UPDATE: _update,
    EventKind.JOURNAL_FAILED_OVER: _moved,
    EventKind.JOURNAL_FAILED_BACK: _back,
    EventKind.JOURNAL_FALLBACK_LOST: _back,
}
