"""Looks up the actions that a runbook names."""

from __future__ import annotations

from midwatch.api.action import Action
from midwatch.api.registry import find_action
from midwatch.runbook.model import Risk
from midwatch.system.errors import BadInput


def action_of(name: str) -> type[Action] | None:
    """The action with this name; None when there is none."""
    try:
        return find_action(name)
    except BadInput:
        return None


def risk_of(name: str) -> Risk:
    """The risk of this action; of none, when there is no such action."""
    action = action_of(name)
    return action.risk if action else Risk.OBSERVE
