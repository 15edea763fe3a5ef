"""Which steps a decision is about: those of a loop that run or are skipped, of a phase that only observe, those
before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from midwatch.api.registry import find_action
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Phase, Risk, Runbook, Step, StepKind
from midwatch.system.errors import Refused
from midwatch.system.units import first_few

_NAMED = 20


def items_to_run(loop: Step, incident: Incident, runbook: Runbook) -> list[Step]:
    """The items of a loop that one consent runs: those to do and those that failed, unless they wait for others."""
    return [
        item
        for item in (loop.loop.steps if loop.loop and loop.kind is not StepKind.MANUAL else ())
        if incident.status(item).is_runnable and not incident.unmet_needs(item, runbook)
    ]


def steps_to_undo(step: Step, incident: Incident) -> list[Step]:
    """The step, or the items of the loop with the last one first, if it has run and was not undone since."""
    ended = (StepStatus.DONE, StepStatus.FAILED, StepStatus.UNKNOWN)
    return [
        item
        for item in (reversed(step.loop.steps) if step.loop else (step,))
        if incident.status(item) in ended and incident.step(item.id).last is not None
    ]


def needs_person(step: Step) -> bool:
    """Whether the step runs only where a person is: it asks for a secret, or gives them its terminal."""
    return step.process.terminal or any(secret.is_asked for secret in step.secrets)


def observing_steps(phase: Phase, incident: Incident, runbook: Runbook) -> list[Step]:
    """The steps of a phase that are to do and change nothing, and wait for no other steps than these."""
    found: dict[str, Step] = {}

    def comes_first(need: Step) -> bool:
        items = need.loop.steps if need.loop is not None and need.loop.steps else (need,)
        return all(item.id in found or incident.status(item).concluded for item in items)

    for step in phase.steps:
        if step.kind is StepKind.MANUAL or step.risk is not Risk.OBSERVE or step.awaits_items or needs_person(step):
            continue
        status = incident.status(step)
        if status in (StepStatus.TODO, StepStatus.PROVE_AGAIN) and all(
            map(comes_first, incident.unmet_needs(step, runbook))
        ):
            found[step.id] = step
    return list(found.values())


def steps_passed_over(step: Step, incident: Incident, runbook: Runbook) -> list[Step]:
    """The steps before this one, or before the first item of this loop, that wait for somebody."""
    first = step.loop.steps[0].id if step.loop and step.loop.steps else step.id
    earlier = itertools.takewhile(lambda other: other.id != first, runbook.steps())
    return [other for other in earlier if incident.status(other).waits]


def named_by_risk(steps: Sequence[Step], most: int = 5) -> list[tuple[str, str]]:
    """The names of these steps by their risk, the riskiest first; a person's steps come before those that observe.

    Of what changes nothing, `most` are named, those first that validate a copy of data.
    """
    groups: dict[str, list[Step]] = {risk: [] for risk in (Risk.DESTROY, Risk.CHANGE, StepKind.MANUAL, Risk.OBSERVE)}
    for step in steps:
        groups[StepKind.MANUAL if step.kind is StepKind.MANUAL else step.risk].append(step)
    groups[Risk.OBSERVE].sort(key=lambda step: not is_safeguard(step))
    limits: dict[str, int] = {StepKind.MANUAL: most, Risk.OBSERVE: most}
    return [
        (group, first_few((f"{step.number} {step.title}" for step in found), limits.get(group, _NAMED), "; "))
        for group, found in groups.items()
        if found
    ]


def is_safeguard(step: Step) -> bool:
    """Whether the action of the step makes or validates a copy of data."""
    return step.kind is StepKind.USES and find_action(step.uses).is_safeguard


def steps_to_skip(step: Step, incident: Incident) -> list[Step]:
    """What a person skips with this step: the step itself, or the items of a loop that wait for somebody."""
    if step.loop is None or step.awaits_items:
        return [step]
    if not (found := [item for item in step.loop.steps if incident.status(item).waits]):
        raise Refused(f"No item of {step.title} waits for anybody", hint="Choose an item")
    return found


def named_targets(step: Step, runbook: Runbook) -> set[str]:
    """The targets of the runbook that the parameters of the step name."""
    return {value for value in step.with_.values() if isinstance(value, str) and value in runbook.targets}
