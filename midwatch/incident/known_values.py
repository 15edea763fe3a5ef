"""The values that an incident knows, for references of its runbook and in the texts of its runbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from midwatch.incident.state import Incident
from midwatch.runbook.expansion import expanded
from midwatch.runbook.model import Runbook
from midwatch.runbook.text_values import fill_runbook, names_of, reference_of
from midwatch.runbook.value_sources import INPUTS, Reference
from midwatch.system.sanitize import safe_text
from midwatch.system.shortened import shortened

_LONGEST_SHOWN = 200


class FilledRunbook:
    """Makes the steps for the items of loops, and fills the texts, as values become known."""

    def __init__(self, runbook: Runbook) -> None:
        self._runbook = self._filled = runbook
        self._names = names_of(runbook)
        self._items: Mapping[str, Sequence[str]] = {}
        self._values: dict[str, str] = {}

    def at(self, incident: Incident) -> Runbook:
        """The runbook with what this incident knows; the same object until another value is known."""
        if incident.items != self._items:
            self._items, self._values = incident.items, {}
            self._runbook = self._filled = expanded(self._runbook, self._items)
            self._names = names_of(self._runbook)
        values = {name: _shown(name, self._runbook, incident) for name in self._names}
        if values != self._values:
            self._values, self._filled = values, fill_runbook(self._runbook, values)
        return self._filled


def known_value(reference: Reference, runbook: Runbook, incident: Incident) -> str | None:
    """The value, of a loop the values of all items that reported it, a line each; None while it is not known."""
    loop = runbook.loops.get(reference.step)
    if loop is None or loop.loop is None or loop.loop.items is None:
        return incident.value(reference.step, reference.key)
    if not all(incident.status(step).concluded for step in loop.loop.steps):
        return None
    values = (incident.value(step.id, reference.key) for step in loop.loop.steps)
    return "\n".join(value for value in values if value is not None)


def _shown(name: str, runbook: Runbook, incident: Incident) -> str:
    """One line of the value. `<step.key>` while no value is known; nothing for an input that was left empty."""
    reference = reference_of(name)
    value = known_value(reference, runbook, incident) if reference else None
    if value is None:
        left_empty = reference is not None and reference.step == INPUTS and incident.declared_at is not None
        return "" if left_empty else f"<{name}>"
    return shortened(" ".join(safe_text(value, newlines=True).split()), _LONGEST_SHOWN)
