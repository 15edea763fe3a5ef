"""Values of a runbook with their references replaced by what the incident knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.incident.state import Incident
from midwatch.runbook.model import INPUTS, Reference, Runbook
from midwatch.system.errors import BadInput, Refused


def resolved(values: Mapping[str, Any], runbook: Runbook, incident: Incident) -> dict[str, Any]:
    """The values with every `{from: step.key}` replaced; one from an input that may stay empty, and does, is left out.

    Raises `Refused` while one is not known yet, and `BadInput` for one from an input that is required and was not
    given.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Reference):
            known = incident.value(value.step, value.key)
            if known is None and value.step == INPUTS:
                ask = runbook.input(value.key)
                if ask is None or ask.required:
                    raise BadInput(
                        f"{name} comes from {value}, which was not given", hint=f"Give it: --input {value.key}=VALUE"
                    )
                continue
            if known is None:
                if (status := incident.status(runbook.step(value.step))).concluded:
                    hint = f"Do {value.step} again so that it reports {value.key}, or mark this step done manually"
                    raise Refused(
                        f"{name} comes from {value}: {value.step} is {status} and did not report it", hint=hint
                    )
                raise Refused(f"{name} comes from {value}, which is not known yet", hint=f"Do step {value.step} first")
            found[name] = known
        else:
            found[name] = value
    return found
