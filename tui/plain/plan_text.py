"""A plan and an output line as plain text, for terminals without a screen."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.api.plan import Plan, Verb
from midwatch.system.sanitize import safe_text
from midwatch.system.units import size


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan, a line an effect, facts after them with every value uncut, a refusal last."""
    from midwatch.engine.script_plan import with_whole_values  # not for who only asks for help

    if not plan.effects and not plan.refusal:
        yield "touches nothing"
    for effect in plan.effects:
        extent = f"  {size(effect.size)}" if effect.size is not None else ""
        note = f"  ({effect.note})" if effect.note else ""
        once = "" if effect.reversible or not effect.verb.touches else "  cannot be undone"
        yield safe_text(f"{effect.verb:6} {effect.object}{extent}{note}{once}")
    if plan.total(Verb.REMOVE):
        yield f"removes {size(plan.total(Verb.REMOVE))} in all"
    for label, text in with_whole_values(plan).facts:
        first, *more = text.splitlines() or [""]
        yield safe_text(f"{label}: {first}")
        yield from (safe_text(f"  {line}") for line in more)
    if plan.refusal:
        yield safe_text(f"would refuse: {plan.refusal}")
