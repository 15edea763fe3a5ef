"""The end of an incident's own freeze, when the incident is closed or abandoned."""

from __future__ import annotations

from midwatch.api.action import Check, Context
from midwatch.api.parameters import build
from midwatch.api.registry import action_names, find_action
from midwatch.engine.execute import carry_out
from midwatch.system.errors import MidwatchError, in_words

_STATUS, _FREEZE = "freeze-status", "freeze"


def release_freeze(context: Context) -> str:
    """Take away the freeze that this incident set, as the action `freeze` does. What came of it, in one sentence;
    empty when the incident has none."""
    if not {_STATUS, _FREEZE} <= set(action_names()) or context.incident is None:
        return ""
    try:
        check = build(find_action(_STATUS), {"expect": "off"}, context.runbook)
        assert isinstance(check, Check)
        if check.evaluate(context).values.get("incident") != context.incident.name:
            return ""
        outcome = carry_out(build(find_action(_FREEZE), {"mode": "off"}, context.runbook), context)
    except (MidwatchError, OSError) as error:
        return f"The freeze of this incident is NOT taken away: {in_words(error)}. Later: midwatch freeze off"
    return f"The freeze of this incident is taken away: {outcome.summary}"
