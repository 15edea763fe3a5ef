"""The part of the reducer that knows steps: their attempts, ends and readings, and what people decide about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from midwatch.api.plan import Plan
from midwatch.api.probe import Reading
from midwatch.incident.events import Event, EventKind, StepOutcome
from midwatch.incident.state import Incident, Mark
from midwatch.incident.step_state import Attempt, CriterionState, FailedTry, StepState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loops import require_items
from midwatch.system.clock import from_rfc3339

Body = Mapping[str, Any]
Handler = Callable[[Incident, Event, Body], None]
"""Applies an event and its body to the new state."""


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


def _confirmed(incident: Incident, event: Event, body: Body) -> None:
    state = _step(incident, body)
    plan = Plan.from_json(body["plan"]) if body.get("plan") else None
    shown = sum(effect.verb.touches for effect in plan.effects) if plan is not None else 0
    attempt = Attempt(
        body["attempt"],
        event.actor,
        event.time,
        plan=plan,
        digest=str(body.get("digest", "")),
        effects=body.get("effects", shown),
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
        used = (state.id, body.get("loop"))
        incident.approvals = {step: approval for step, approval in incident.approvals.items() if step not in used}


def _started(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(_step(incident, body), body):
        attempt.started_at, attempt.command = event.time, body["command"]
        attempt.supervisor, attempt.began = body["supervisor"], incident.elapsed


def _tried(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(_step(incident, body), body):
        failed = FailedTry(body["try"], body["of"], body["exit"], from_rfc3339(body["ended"]))
        attempt.tries = (*attempt.tries, failed)


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
        if outcome is StepOutcome.DONE:
            _unmark(incident, state.id)
        _doubt(incident, state, attempt, body)
        return
    _mark(incident, event, body)
    state.status = _AFTER.get(outcome, StepStatus.FAILED)
    state.values = {**state.values, **body["values"]}
    if outcome in (StepOutcome.FAILED, StepOutcome.TIMED_OUT):  # a cancelled step did not fail
        _failed(incident, state)
    _owe(incident, body)


def _undone(state: StepState, attempt: Attempt, outcome: StepOutcome) -> None:
    """What the undo makes of the step: to do again, or as it was before when the undo did not come to its end."""
    if outcome is StepOutcome.DONE:
        state.status, state.concluded_at, state.values = StepStatus.TODO, None, {}
        state.reason = f"undone by {attempt.actor}: {state.reason}"
    else:
        state.status = StepStatus.UNKNOWN if outcome is StepOutcome.UNKNOWN else attempt.status_before


def _doubt(incident: Incident, undone: StepState, attempt: Attempt, body: Body) -> None:
    """What was proved before an undo, by steps or by criteria of closure, no longer counts."""
    if (steps := body.get("prove_again")) is None:
        return
    incident.criteria = {}
    reason = undone.reason if undone.status is StepStatus.TODO else f"undone by {attempt.actor}: {undone.reason}"
    for step_id in steps:
        state = _step(incident, {"step": step_id})
        _unmark(incident, step_id)
        state.status, state.concluded_at, state.reason = StepStatus.PROVE_AGAIN, None, f"{undone.id} was {reason}"


def _outcome_checked(incident: Incident, event: Event, body: Body) -> None:
    """Evidence settles only what nobody knows."""
    state = _step(incident, body)
    if state.status is StepStatus.UNKNOWN and body["holds"] is not None:
        state.status = StepStatus.DONE if body["holds"] else StepStatus.FAILED
        state.actor, state.reason, state.concluded_at = event.actor, body["detail"], event.time
        _mark(incident, event, body)


def _need_checked(incident: Incident, event: Event, body: Body) -> None:
    state = _step(incident, body)
    state.checked = {**state.checked, body["check"]: CriterionState(body["holds"], body["detail"], event.time)}


def _marked_done(incident: Incident, event: Event, body: Body) -> None:
    _mark(incident, event, body)
    state = _decided(incident, event, body, StepStatus.DONE, body["note"])
    state.values = {**state.values, **body["values"]}


def _marked_failed(incident: Incident, event: Event, body: Body) -> None:
    _failed(incident, _decided(incident, event, body, StepStatus.FAILED, body["reason"]))
    _owe(incident, body)


def _mark(incident: Incident, event: Event, body: Body) -> None:
    if moment := body.get("marks"):
        incident.marks = {**incident.marks, moment: Mark(body["step"], event.time, incident.elapsed, event.seq)}


def _unmark(incident: Incident, step_id: str) -> None:
    """What the step marked no longer counts: it was reopened, undone, or has to be proved again."""
    if any(mark.step == step_id for mark in incident.marks.values()):
        incident.marks = {moment: mark for moment, mark in incident.marks.items() if mark.step != step_id}


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
    _unmark(incident, body["step"])
    _decided(incident, event, body, StepStatus.TODO, body["reason"]).needed = True


def _decided(incident: Incident, event: Event, body: Body, status: StepStatus, reason: str) -> StepState:
    """A person's decision about a step."""
    state = _step(incident, body)
    state.status, state.actor, state.reason = status, event.actor, reason
    state.concluded_at = event.time if status.concluded else None
    return state


def _loop_items(incident: Incident, event: Event, body: Body) -> None:
    items = tuple(map(str, body["items"]))
    require_items(items)
    incident.items = {**incident.items, body["step"]: items}


def _reading(incident: Incident, event: Event, body: Body) -> None:
    if attempt := _attempt(_step(incident, body), body):
        reading = Reading.from_json(body["reading"])
        if body["when"] == "before":
            attempt.before = {**attempt.before, reading.probe: reading}
        else:
            attempt.after = {**attempt.after, reading.probe: reading}


STEP_HANDLERS: dict[str, Handler] = {
    EventKind.CONFIRMED: _confirmed,
    EventKind.STARTED: _started,
    EventKind.TRIED: _tried,
    EventKind.FINISHED: _finished,
    EventKind.OUTCOME_CHECKED: _outcome_checked,
    EventKind.NEED_CHECKED: _need_checked,
    EventKind.MARKED_DONE: _marked_done,
    EventKind.MARKED_FAILED: _marked_failed,
    EventKind.SKIPPED: _skipped,
    EventKind.REOPENED: _reopened,
    EventKind.LOOP_ITEMS: _loop_items,
    EventKind.READING: _reading,
}
