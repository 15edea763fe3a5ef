"""Finds a step or a phase by its exact name. The error for an unknown name suggests a similar one."""

from __future__ import annotations

from midwatch.runbook.model import Phase, Runbook, Step
from midwatch.system.errors import BadInput, SourceLocation
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import near_names, suggest


def named(runbook: Runbook, name: str, *, place: SourceLocation | None = None) -> Step:
    """The step with this id or number. Raises `BadInput`."""
    every = [*runbook.steps(), *runbook.loops.values()]
    steps = {step.id: step for step in every} | {step.number: step for step in every}
    if name in steps:
        return steps[name]
    near = near_names(name, steps)
    hint = f"Did you mean {near[0]!r}?" if near else f"See them: midwatch plan {runbook.file.name}"
    raise BadInput(f"There is no step {shortened(name)!r} in {runbook.file.name}", place=place, hint=hint)


def named_phase(runbook: Runbook, name: str) -> Phase:
    """The phase with this id or section. Raises `BadInput`."""
    phases = {phase.id: phase for phase in runbook.phases} | {phase.section: phase for phase in runbook.phases}
    if name in phases:
        return phases[name]
    raise BadInput(f"There is no phase {name!r} in {runbook.file.name}", hint=suggest(name, phases, "Phases"))
