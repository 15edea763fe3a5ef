"""Which steps an undo puts in doubt: what they proved was true of what is now taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from midwatch.engine.step_selection import named_targets
from midwatch.incident.events import Event, EventKind
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Risk, Runbook, Step, StepKind
from midwatch.runbook.value_sources import Reference

_CONCLUDES = (EventKind.FINISHED, EventKind.MARKED_DONE, EventKind.OUTCOME_CHECKED)


def steps_to_prove_again(
    undone: Step, attempt: int, events: Sequence[Event], incident: Incident, runbook: Runbook
) -> list[str]:
    """The ids of the steps whose proof no longer counts once this attempt at a step is undone.

    A step counts when it is done, was concluded after the attempt began, and proves without changing anything: it only
    observes, or a person did it. It must depend on the undone step (directly, by a value of it, or through another step
    to prove again), or name a target that the undone step names. A dependent that names other targets only keeps its
    proof: the login to one server says nothing about another server.
    """
    later = _concluded_after(undone.id, attempt, events)
    doubtful, targets = {undone.id, *_loop(undone)}, _targets(undone, incident, runbook)
    found: list[str] = []
    for step in runbook.steps():
        proves = step.kind is StepKind.MANUAL or step.risk is Risk.OBSERVE
        if step.id not in later or not proves or incident.status(step) is not StepStatus.DONE:
            continue
        named = _targets(step, incident, runbook)
        shares, is_elsewhere = bool(named & targets), bool(named and targets and not named & targets)
        if shares or (not is_elsewhere and not doubtful.isdisjoint(_needed_by(step))):
            found.append(step.id)
            doubtful |= {step.id, *_loop(step)}
    return found


def _concluded_after(step_id: str, attempt: int, events: Sequence[Event]) -> set[str]:
    """The steps that were concluded since the attempt at this step was confirmed."""
    found: set[str] = set()
    for event in reversed(events):
        if event.kind in _CONCLUDES:
            found.add(event.body["step"])
        elif event.kind == EventKind.CONFIRMED and (event.body["step"], event.body["attempt"]) == (step_id, attempt):
            break
    return found - {step_id}


def _needed_by(step: Step) -> set[str]:
    """The steps on which a step depends, or whose values it is given."""
    given: Mapping[str, Any] = {**step.with_, **step.env}
    return {*step.depends_on, *(value.step for value in given.values() if isinstance(value, Reference))}


def _loop(step: Step) -> tuple[str, ...]:
    return (step.item.loop,) if step.item else ()


def _targets(step: Step, incident: Incident, runbook: Runbook) -> set[str]:
    """The targets of the runbook that the step and the plans of its attempts name."""
    plans = [attempt.plan for attempt in incident.step(step.id).attempts if attempt.plan is not None]
    named = {value for plan in plans for value in plan.parameters.values()}
    return named_targets(step, runbook) | (set(runbook.targets) & named)
