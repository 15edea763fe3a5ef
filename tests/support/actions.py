"""Runs an action as the engine does: plan, then apply."""

from __future__ import annotations

from midwatch.api.action import Action, Context, Outcome


def run_action(action: Action, context: Context) -> Outcome:
    plan = action.plan(context)
    assert plan.refusal == "", plan.refusal
    return action.apply(context, plan)
