"""Values of a runbook with their references replaced by what the incident knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.incident.known_values import known_value
from midwatch.incident.state import Incident
from midwatch.runbook.loops import items_in
from midwatch.runbook.model import Runbook, Step
from midwatch.runbook.value_sources import INPUTS, Reference
from midwatch.system.errors import BadInput, MidwatchError, Refused


def resolved(values: Mapping[str, Any], runbook: Runbook, incident: Incident) -> dict[str, Any]:
    """The values with every `{from: step.key}` replaced; one from an input that may stay empty, and does, is left out.

    In a table inside of them, such a value stays as an empty text.
    Raises `Refused` while one is not known yet, and `BadInput` for one from an input that is required and was not
    given.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Reference):
            known = known_value(value, runbook, incident)
            if known is None and value.step == INPUTS:
                ask = runbook.input(value.key)
                if ask is None or ask.required:
                    raise _not_given(name, value)
                continue
            if known is None:
                raise unknown_value(name, value, runbook, incident)
            found[name] = known
        elif isinstance(value, Mapping):
            found[name] = dict.fromkeys(value, "") | resolved(value, runbook, incident)
        else:
            found[name] = value
    return found


def _not_given(name: str, reference: Reference) -> BadInput:
    hint = f"Give it: --input {reference.key}=VALUE"
    return BadInput(f"{name} comes from {reference}, which was not given", hint=hint)


def unknown_value(name: str, reference: Reference, runbook: Runbook, incident: Incident) -> MidwatchError:
    """Why a value is not known yet, and what to do."""
    if reference.step == INPUTS:
        return _not_given(name, reference)
    try:
        status = incident.status(runbook.step(reference.step))
    except KeyError:  # an item of a loop whose items were not known when the runbook was checked
        return Refused(f"{name} comes from {reference}, and there is no such item", hint="Skip this step with a reason")
    if not status.concluded:
        return Refused(f"{name} comes from {reference}, which is not known yet", hint=f"Do step {reference.step} first")
    hint = f"Do {reference.step} again so that it reports {reference.key}, or mark this step done manually"
    return Refused(f"{name} comes from {reference}: {reference.step} is {status} and did not report it", hint=hint)


def require_items(step: Step, runbook: Runbook, incident: Incident) -> None:
    """Raise `Refused` for a loop whose items are not known: nothing can be done about it but to skip it."""
    if step.loop is not None and step.loop.source is not None and step.awaits_items:
        name = f"The list of {step.number} {step.title}"
        value = known_value(step.loop.source, runbook, incident)
        if value is None:
            raise unknown_value(name, step.loop.source, runbook, incident)
        try:
            items_in(value)
        except BadInput as error:
            hint = f"Do {step.loop.source.step} again, or skip this step with a reason"
            raise Refused(f"{name} comes from {step.loop.source}. {error.sentence}", hint=hint) from error
