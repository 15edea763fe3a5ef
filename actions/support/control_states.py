"""The preventive controls of a runbook, each with its state as its check finds it now."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from midwatch.api.action import Check, Context
from midwatch.api.parameters import build
from midwatch.api.probe import Level
from midwatch.api.registry import find_action
from midwatch.runbook.model import CheckSpec
from midwatch.system.errors import BadInput, MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.side_by_side import side_by_side
from midwatch.system.suggestion import suggest

LIMIT_S = 60.0
"""Seconds after which the state of a control is unknown."""
_WORDS = {Level.OK: "OK", Level.WARN: "WARNING", Level.CRITICAL: "CRITICAL"}


@dataclass(frozen=True, slots=True)
class ControlState:
    """One control and its state."""

    control: CheckSpec
    level: Level
    text: str
    """One line of what its check found."""

    def __str__(self) -> str:
        return f"{_WORDS.get(self.level, 'UNKNOWN')}: {self.text}"


def controls_of(context: Context, ids: Sequence[str]) -> list[CheckSpec]:
    """The named controls of the runbook, or all. Raises `BadInput` for an unknown one, and where there are none."""
    known = {control.id: control for control in context.runbook.controls}
    if not known:
        raise BadInput("The runbook names no controls", hint="Name them under 'controls:'")
    for name in ids:
        if name not in known:
            raise BadInput(f"There is no control {name!r}", hint=suggest(name, known, "Controls"))
    return [known[name] for name in ids or known]


def control_states(context: Context, ids: Sequence[str] = ()) -> list[ControlState]:
    """Evaluate the named controls, or all, side by side; one without an answer within a minute is unknown."""
    controls = {control.id: control for control in controls_of(context, ids)}
    calls = {name: functools.partial(_state, control, context) for name, control in controls.items()}
    late = f"no answer within {LIMIT_S:.0f} s"
    found = side_by_side(calls, limit_s=LIMIT_S, late=lambda name: ControlState(controls[name], Level.UNKNOWN, late))
    return list(found.values())


def _state(control: CheckSpec, context: Context) -> ControlState:
    try:
        check = build(find_action(control.check), control.with_, context.runbook)
        if not isinstance(check, Check):
            raise BadInput(f"{control.check} is not a check", hint="A control changes nothing")
        outcome = check.evaluate(context)
        level, text = outcome.state, outcome.summary
    except MidwatchError as error:
        level, text = Level.UNKNOWN, str(error)
    except Exception as error:  # a plug-in's check may break in any way; unknown is the truth then
        level, text = Level.UNKNOWN, f"{type(error).__name__}: {error}"
    return ControlState(control, level, safe_text(" ".join(text.split())))
