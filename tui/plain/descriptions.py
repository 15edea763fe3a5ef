"""What the front end of lines says about the incident: sentences that stand for themselves when they are read aloud."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.workflow import ActionKind, NextAction, is_batch
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.reports.event_text import SILENT, describe, lines_below
from midwatch.reports.message_text import delivery_words
from midwatch.runbook.declaration import input_lines
from midwatch.runbook.forks import forks_of, open_words, way_words
from midwatch.runbook.model import Runbook, Step, StepKind
from midwatch.runbook.text_values import fill
from midwatch.system.units import duration
from tui.plain.checklist import titled

_KINDS = {StepKind.MANUAL: "done by a person", StepKind.RUN: "run by Midwatch", StepKind.USES: "run by Midwatch"}


def where_lines(controller: IncidentControls, now: datetime) -> Iterator[str]:
    """Which incident, how bad, who drives, what is due."""
    incident, runbook = controller.incident, controller.runbook
    yield f"{runbook.environment.word}. {incident.severity} {incident.title}, {incident.id}, {incident.word}."
    if incident.open:
        who = "You drive" if controller.driving else f"You observe; {incident.driver or 'nobody'} drives"
        since = duration(incident.elapsed_now(controller.clock)) if incident.declared_at else "some time"
        yield f"{who}. Declared {since} ago."
    for moment, mark in incident.marks.items():
        yield f"{moment.capitalize()} at {mark.at:%H:%M:%S} UTC."
    yield from input_lines(runbook, incident.inputs)
    yield f"Steps: {incident.tally(runbook.steps()).words}."
    for state_of in incident.running():
        yield f"Running: {titled(runbook.step(state_of.id))}."
    due = controller.next_update_due
    if due is not None:
        left = (due - now).total_seconds()
        late = duration(-left) if left <= 0 else ""
        yield f"Status update overdue by {late}." if late else f"The next status update is due in {duration(left)}."
    yield from owed_lines(incident, runbook)


def owed_lines(incident: Incident, runbook: Runbook) -> Iterator[str]:
    """Who has to be notified, and why."""
    for role, why in incident.to_notify.items():
        name = runbook.roles[role].name if role in runbook.roles else role
        yield f"Notify {name}: {why}. The word is t."
    for delivery in incident.undelivered:
        word = " The word is me." if delivery.waits_for_person else ""
        yield f"Message {delivery_words(delivery)}.{word}"


def step_lines(step: Step, incident: Incident, runbook: Runbook) -> Iterator[str]:
    """Everything about a step but its plan."""
    status = incident.status(step)
    yield f"{titled(step)}. {status.value}, {_KINDS[step.kind]}, {step.risk}."
    if items := incident.items_words(step):
        yield f"Its items: {items}."
    if step.why:
        yield f"Why: {_flowing(step.why)}"
    if step.instructions:
        yield f"What to do: {fill(step.instructions, step.text_values).strip()}"
    if step.run:
        yield "The command:"
        yield from (f"  {line}" for line in step.run.rstrip().splitlines())
    if step.expect:
        yield f"Expected: {_flowing(step.expect)}"
    if step.original_command:
        yield f"Original command: {_flowing(step.original_command)}"
    if step.deviation:
        yield f"Deviation: {_flowing(step.deviation)}"
    if step.on_failure.advice:
        yield f"If it fails: {_flowing(step.on_failure.advice)}"
    if step.depends_on:
        yield "It needs: " + "; ".join(titled(runbook.step(need)) for need in step.depends_on)
    for required in step.preconditions:
        yield f"It requires: {required.title}"
    if step.notify:
        yield "It notifies: " + ", ".join(runbook.roles[role].name for role in step.notify)
    for fork in forks_of(step, runbook):
        answer = incident.value(step.id, fork.question.name)
        yield f"{way_words(fork, answer) if answer else f'Its answer chooses the way: {open_words(fork)}'}."
    if step.marks:
        yield f"Done, it marks the incident as {step.marks}."
    yield from history_lines(step, incident)


def history_lines(step: Step, incident: Incident) -> Iterator[str]:
    """What has happened to the step so far."""
    state = incident.steps.get(step.id)
    if state is None:
        return
    for attempt in state.attempts:
        took = f" in {duration(attempt.seconds)}" if attempt.seconds is not None else ""
        what = "Undo" if attempt.undoes else f"Attempt {attempt.number}"
        summary = f": {attempt.summary}" if attempt.summary else ""
        yield f"{what} at {attempt.confirmed_at:%H:%M:%S} UTC by {attempt.actor}: {attempt.ending}{took}{summary}"
    if state.reason:
        yield f"Said: {state.reason}"
    for key, value in state.values.items():
        yield f"{key}: {value}"


def timeline_lines(controller: IncidentControls, *, first: int = 1) -> Iterator[str]:
    """The events from this number on, each with its number and its time."""
    incident = controller.incident
    for event in controller.events[first - 1 :]:
        if event.kind in SILENT:
            continue
        star = "starred, " if event.seq in incident.stars else ""
        who = event.actor.partition("@")[0]
        yield f"{event.seq}, {star}{event.time:%H:%M:%S}, {who}: {describe(event, controller.runbook)}"
        yield from (f"  {line}" for line in lines_below(event, controller.runbook))
        if correction := incident.corrections.get(event.seq):
            yield f"  Corrected in event {correction.seq}: {correction.text}"


def next_line(controller: IncidentControls, action: NextAction) -> str:
    """What Enter does now."""
    incident, runbook = controller.incident, controller.runbook
    if action.kind is ActionKind.TIMELINE:
        first = "You observe." if incident.open else f"The incident is {incident.word}. q leaves."
        return f"{first} Enter shows the last events."
    if action.kind is ActionKind.CLOSE:
        return "Nothing is left to do. Enter evaluates the closure criteria."
    step = runbook.step(action.step)
    status, name = incident.status(step), titled(step)
    match action.kind:
        case ActionKind.GO_TO:
            return f"Enter goes to {name}{', which is needed first' if action.is_needed_first else ''}."
        case ActionKind.OUTPUT if status is StepStatus.RUNNING or is_batch(controller, step):
            return f"Running: {name}. Enter follows it."
        case ActionKind.TERMINAL:
            return f"Running: {name}. Enter goes to its terminal."
        case ActionKind.OUTPUT:
            return f"{name} is {status.value}. Enter shows the last lines that it wrote."
        case ActionKind.CHECK_NEED:
            return f"Next: {name}. Enter checks whether it is needed."
        case ActionKind.DECIDE_NEED:
            reason = incident.condition(step).reason
            return f"Undecided: {name}: {reason}. Enter asks whether it is needed; s skips it."
        case ActionKind.MARK_DONE:
            return f"Next: {name}. Enter reads it out and asks whether it is done."
        case ActionKind.CHECK_OUTCOME:
            return f"The outcome of {name} is unknown. Enter checks it; m says that it was done manually."
    if status is StepStatus.UNKNOWN:
        return (
            f"The outcome of {name} is unknown. Enter runs it again, with a reason; m says that it was done manually."
        )
    if status is StepStatus.FAILED:
        return f"{name} failed. Enter plans it again; {_what_then(step)}"
    if status is StepStatus.PROVE_AGAIN:
        reason = incident.step(step.id).reason
        return f"To be proved again: {name}: {reason}. Enter plans it; {_what_then(step)}"
    of_all = f", {items}" if (items := incident.items_words(step)) else ""
    return f"Next: {name}{of_all}. Enter plans it; {_what_then(step)}"


def _what_then(step: Step) -> str:
    return {
        "observe": "it changes nothing and runs at once.",
        "change": "it changes something, so you are asked first.",
        "destroy": "it cannot be undone, so you type a name first.",
    }[step.risk.value]


def _flowing(text: str) -> str:
    return " ".join(text.split())
