"""Finds a step by its exact name. The error for an unknown name suggests a similar one."""

from __future__ import annotations

from midwatch.runbook.model import Runbook, Step
from midwatch.system.errors import BadInput, SourceLocation
from midwatch.system.suggestion import near_names


def named(runbook: Runbook, name: str, *, place: SourceLocation | None = None) -> Step:
    """The step with this id or number. Raises `BadInput`."""
    every = [*runbook.steps(), *runbook.loops.values()]
    steps = {step.id: step for step in every} | {step.number: step for step in every}
    if name in steps:
        return steps[name]
    near = near_names(name, steps)
    hint = f"Did you mean {near[0]!r}?" if near else f"See them: midwatch plan {runbook.file.name}"
    raise BadInput(f"There is no step {name!r} in {runbook.file.name}", place=place, hint=hint)
