"""Criteria, of closure and of what a step requires: each is evaluated by its check, side by side and with a limit of
time."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from midwatch.api.action import Check, Context
from midwatch.api.parameters import build
from midwatch.api.registry import find_action
from midwatch.engine.references import resolved
from midwatch.incident.state import Incident
from midwatch.incident.step_state import CriterionState
from midwatch.runbook.model import CheckSpec
from midwatch.system.errors import BadInput, MidwatchError, Refused
from midwatch.system.side_by_side import side_by_side

LIMIT_S = 120.0
"""Seconds after which a criterion counts as unknown; the slowest check reads a whole backup."""


def evaluate(
    criteria: Sequence[CheckSpec], context: Context, incident: Incident, *, limit: float = LIMIT_S
) -> dict[str, CriterionState]:
    """The state of every criterion now, by id. A check that breaks, or hangs for `limit` seconds, leaves `met`
    unknown."""
    calls = {item.id: functools.partial(_evaluate, item, context, incident) for item in criteria}
    late = f"no answer within {limit:.0f} s"
    return side_by_side(calls, limit_s=limit, late=lambda _: CriterionState(None, late, context.clock.now()))


def _evaluate(criterion: CheckSpec, context: Context, incident: Incident) -> CriterionState:
    try:
        given = resolved(criterion.with_, context.runbook, incident)
    except MidwatchError as error:  # a value that no step has reported yet
        return CriterionState(None, str(error), context.clock.now())
    try:
        action = build(find_action(criterion.check), given, context.runbook)
        if not isinstance(action, Check):
            raise BadInput(f"{criterion.check} is not a check", hint="A criterion changes nothing")
        outcome = action.evaluate(context)
        return CriterionState(outcome.ok, outcome.summary, context.clock.now())
    except Refused as refused:  # it needs something that no step has reported yet, so it cannot hold
        return CriterionState(False, str(refused), context.clock.now())
    except MidwatchError as error:
        return CriterionState(None, str(error), context.clock.now())
    except Exception as error:  # a plug-in's check may break in any way; unknown is the truth then
        return CriterionState(None, f"{type(error).__name__}: {error}", context.clock.now())
