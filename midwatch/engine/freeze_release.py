"""The end of an incident's own freeze, when the incident is closed or abandoned."""

from __future__ import annotations

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import build
from midwatch.api.registry import action_names, find_action
from midwatch.engine.execute import carry_out
from midwatch.system.errors import MidwatchError, in_words

_STATUS, _FREEZE = "freeze-status", "freeze"


def freeze_to_lift(context: Context) -> str:
    """The freeze that the end of this incident lifts, in one sentence; empty when the incident has none."""
    try:
        freeze = _own_freeze(context)
    except (MidwatchError, OSError) as error:
        return f"Whether closing lifts a freeze is not known: {in_words(error)}"
    return f"Closing lifts the freeze that this incident set: {freeze.summary}" if freeze else ""


def release_freeze(context: Context) -> str:
    """Take away the freeze that this incident set, as the action `freeze` does. What came of it, in one sentence;
    empty when the incident has none."""
    try:
        if _own_freeze(context) is None:
            return ""
        outcome = carry_out(build(find_action(_FREEZE), {"mode": "off"}, context.runbook), context)
    except (MidwatchError, OSError) as error:
        return f"The freeze of this incident is NOT taken away: {in_words(error)}. Later: midwatch freeze off"
    return f"The freeze of this incident is taken away: {outcome.summary}"


def _own_freeze(context: Context) -> Outcome | None:
    """The state of the freeze, if it is this incident's."""
    if not {_STATUS, _FREEZE} <= set(action_names()) or context.incident is None:
        return None
    check = build(find_action(_STATUS), {"expect": "on"}, context.runbook)
    assert isinstance(check, Check)
    outcome = check.evaluate(context)
    return outcome if outcome.values.get("incident") == context.incident.name else None
