"""Finds a step by the name that a person gives; a near name is suggested, never taken."""

from __future__ import annotations

import difflib

from midwatch.runbook.model import Runbook, Step
from midwatch.system.errors import BadInput, SourceLocation


def named(runbook: Runbook, name: str, *, place: SourceLocation | None = None) -> Step:
    """The step with this id or number. Raises `BadInput`."""
    steps = {step.id: step for step in runbook.steps()} | {step.number: step for step in runbook.steps()}
    if name in steps:
        return steps[name]
    near = difflib.get_close_matches(name, steps, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"See them: midwatch plan {runbook.file.name}"
    raise BadInput(f"There is no step {name!r} in {runbook.file.name}", place=place, hint=hint)
