"""Criteria, of closure and of what a step requires: each is evaluated by its check, side by side and with a limit of time."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Sequence

from midwatch.api.action import Check, Context
from midwatch.api.parameters import build
from midwatch.api.registry import find_action
from midwatch.engine.planning import resolved
from midwatch.incident.state import CriterionState, Incident
from midwatch.runbook.model import CheckSpec
from midwatch.system.errors import BadInput, MidwatchError, Refused

LIMIT_S = 120.0
"""Seconds after which a criterion counts as unknown; the slowest check reads a whole backup."""


def evaluate(
    criteria: Sequence[CheckSpec], context: Context, incident: Incident, *, limit: float = LIMIT_S
) -> dict[str, CriterionState]:
    """The state of every criterion now, by id. A check that breaks, or hangs for `limit` seconds, leaves `met` unknown."""
    if not criteria:
        return {}
    pool = concurrent.futures.ThreadPoolExecutor(len(criteria), thread_name_prefix="criterion")
    futures = {criterion.id: pool.submit(_evaluate, criterion, context, incident) for criterion in criteria}
    done, _ = concurrent.futures.wait(futures.values(), timeout=limit)
    pool.shutdown(wait=False, cancel_futures=True)
    late = CriterionState(None, f"no answer within {limit:.0f} s", context.clock.now())
    return {name: future.result() if future in done else late for name, future in futures.items()}


def _evaluate(criterion: CheckSpec, context: Context, incident: Incident) -> CriterionState:
    try:
        action = build(
            find_action(criterion.check), resolved(criterion.with_, context.runbook, incident), context.runbook
        )
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
