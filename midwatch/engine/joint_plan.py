"""One plan for all items of a loop: what a person consents to once, in place of one plan after another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from midwatch.api.plan import WARNING, Plan
from midwatch.runbook.model import Step
from midwatch.system.units import first_few

_ACTION = "for_each"
_NAMED = 20


def joint_plan(loop: Step, plans: Mapping[str, Plan], left_out: Mapping[str, str]) -> Plan:
    """The plans of the items, by item, as one; `left_out` says why other items do not run now.

    The digests of the plans are parameters of the joint plan, so whoever consents to the one consents to the others.
    """
    facts = [("items", f"{len(plans)}: {first_few(plans, _NAMED)}")] if plans else []
    facts += [("left out", f"{item}: {reason}") for item, reason in left_out.items()]
    shared = set.intersection(*(set(plan.facts) for plan in plans.values())) if len(plans) > 1 else set()
    first = next(iter(plans.values()), None)
    facts += [fact for fact in first.facts if fact in shared] if first else []
    facts += [
        (WARNING, f"{item}: {text}") if label == WARNING else (f"{item}: {label}", text)
        for item, plan in plans.items() for label, text in plan.facts
        if (label, text) not in shared
    ]  # fmt: skip
    return Plan(
        action=_ACTION,
        parameters={item: plan.digest for item, plan in plans.items()},
        effects=tuple(
            dataclasses.replace(effect, object=f"{item}: {effect.object}", identity=f"{item}: {effect.key[1]}")
            for item, plan in plans.items()
            for effect in plan.effects
        ),
        facts=tuple(facts),
        refusal="" if plans else "; ".join(f"{item}: {reason}" for item, reason in left_out.items()),
        confirm_name=loop.id if any(plan.confirm_name for plan in plans.values()) else "",
    )
