"""The items of loops whose list comes from a value: read when the value is known, and journaled then."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.incident.events import EventKind
from midwatch.incident.known_values import known_value
from midwatch.incident.state import Incident
from midwatch.runbook.loops import item_id, items_in
from midwatch.runbook.model import Runbook
from midwatch.runbook.value_sources import INPUTS, Reference
from midwatch.system.errors import BadInput

AFTER = (
    EventKind.DECLARED,
    EventKind.FINISHED,
    EventKind.MARKED_DONE,
    EventKind.OUTCOME_CHECKED,
    EventKind.NEED_CHECKED,
    EventKind.SKIPPED,
)
"""Kinds of events after which a value can be known that was not known before."""


def new_items(runbook: Runbook, incident: Incident) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each loop whose items are now others than those of the record, with its items.

    Items that something has happened to already stay, even if the value no longer holds them.
    """
    for name, step in runbook.loops.items():
        source = step.loop.source if step.loop is not None else None
        if source is None or (named := _named(source, runbook, incident)) is None:
            continue
        before = incident.items.get(name)
        kept = [item for item in before or () if item in named or _is_touched(item_id(name, item), incident)]
        items = tuple(dict.fromkeys([*kept, *named]))
        if items != before:
            yield name, items


def _named(source: Reference, runbook: Runbook, incident: Incident) -> tuple[str, ...] | None:
    """The items that the value holds now; None while it is not known, or where it holds no list of items."""
    value = known_value(source, runbook, incident)
    if value is None:
        return () if source.step == INPUTS and incident.open else None
    try:
        return items_in(value)
    except BadInput:
        return None


def _is_touched(step_id: str, incident: Incident) -> bool:
    return step_id in incident.steps or step_id in incident.approvals
