"""What a plan that destroys says of earlier steps: objects that they found corrupt, safeguards that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from midwatch.api.plan import WARNING, Plan, Verb
from midwatch.engine.step_selection import is_safeguard, named_targets
from midwatch.incident.events import StepOutcome
from midwatch.incident.state import Incident
from midwatch.incident.step_state import StepState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Risk, Runbook, Step
from midwatch.system.units import counted, first_few

INVALID = "invalid"
"""The value in which a step reports, separated by commas, the names of what it found corrupt."""
_SHOWN = 5


def with_prior_results(plan: Plan, step: Step, runbook: Runbook, incident: Incident) -> Plan:
    """The plan with the findings of earlier steps beside its objects, and with warnings as its first facts.

    Consent is not bound to these words: notes and facts are no part of the digest.
    """
    if step.risk is not Risk.DESTROY or not any(effect.verb.touches for effect in plan.effects):
        return plan
    found = _findings(step, runbook, incident)
    effects = [(effect, found.get(PurePosixPath(effect.object).name, "")) for effect in plan.effects]
    corrupt = [effect.object for effect, finding in effects if finding and effect.verb is Verb.KEEP]
    going = [effect.object for effect, finding in effects if not finding and effect.verb is Verb.REMOVE]
    warnings = []
    if corrupt and going:
        stays = f"{counted(len(corrupt), 'object')} found corrupt {'stays' if len(corrupt) == 1 else 'stay'}"
        goes = f"{counted(len(going), 'object')} not found corrupt {'goes' if len(going) == 1 else 'go'}"
        warnings.append(f"{stays}: {first_few(corrupt, _SHOWN)}; {goes}: {first_few(going, _SHOWN)}")
    warnings += _missing_safeguards(step, runbook, incident)
    return replace(
        plan,
        effects=tuple(
            replace(effect, note="; ".join(filter(None, (finding, effect.note)))) if finding else effect
            for effect, finding in effects
        ),
        facts=(*((WARNING, text) for text in warnings), *plan.facts),
    )


def _findings(step: Step, runbook: Runbook, incident: Incident) -> dict[str, str]:
    """What other steps found corrupt, by name: as a value of theirs, or as what they failed on."""
    found: dict[str, str] = {}
    for other in runbook.steps():
        state = incident.steps.get(other.id)
        if state is None or other.id == step.id or other.risk is not Risk.OBSERVE:
            continue
        at = f" at {state.concluded_at:%H:%M} UTC" if state.concluded_at else ""
        names = {name.strip() for name in state.values.get(INVALID, "").split(",")}
        for name in names | _failed_on(state):
            found[PurePosixPath(name).name] = f"found corrupt by {other.number}{at}"
    found.pop("", None)
    return found


def _failed_on(state: StepState) -> set[str]:
    """The backup that a step failed on, and its set: the last parts of the paths that it was given or reported."""
    last = state.last
    if last is None or last.outcome is not StepOutcome.FAILED or last.undoes is not None:
        return set()
    given = {**(last.plan.parameters if last.plan else {}), **state.values}
    paths = [PurePosixPath(given[name]) for name in ("path", "set") if "/" in given.get(name, "")]
    return {part for path in paths for part in path.parts[-2:]}


def _missing_safeguards(step: Step, runbook: Runbook, incident: Incident) -> Iterator[str]:
    """The steps before this one that were to protect its objects and did not: each with its state, who and why."""
    needed = _needed_by(step, runbook)
    for other in runbook.steps():
        if other.id == step.id:
            return
        if (problem := _problem(other, incident)) and (other.id in needed or _protects(other, step, runbook)):
            yield f"{other.number} {other.title} {problem}"


def _problem(step: Step, incident: Incident) -> str:
    """Why this step protects nothing; empty when it was done, or is not needed."""
    state, status = incident.step(step.id), incident.status(step)
    last, why = state.last, f": {state.reason}" if state.reason else ""
    if status is StepStatus.SKIPPED:
        return f"was skipped by {state.actor}{why}"
    if status is StepStatus.DONE and last is not None and last.outcome is not StepOutcome.DONE:
        return f"{last.ending} and was taken as done by {state.actor}{why}"
    if status in (StepStatus.DONE, StepStatus.NOT_NEEDED):
        return ""
    return f"{'failed' if status is StepStatus.FAILED else f'is {status}'}{why}"


def _needed_by(step: Step, runbook: Runbook) -> set[str]:
    """Everything that the step depends on, directly or through other steps; of a loop, its items."""
    found: set[str] = set()
    waiting = [*step.depends_on]
    while waiting:
        need = runbook.step(waiting.pop())
        steps = need.loop.steps if need.loop is not None and need.loop.steps else (need,)
        waiting += [name for one in steps if one.id not in found for name in one.depends_on]
        found |= {one.id for one in steps}
    return found


def _protects(other: Step, step: Step, runbook: Runbook) -> bool:
    """Whether the action of the other step is a safeguard, and for no other targets than those of this step."""
    if not is_safeguard(other):
        return False
    targets, theirs = named_targets(step, runbook), named_targets(other, runbook)
    return not (targets and theirs) or bool(targets & theirs)
