"""Server pins: the PostgreSQL server of each target, set by the runbook, the site file or the incident's first plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from midwatch.api.plan import ROLE, SYSTEM_IDENTIFIER, UNKNOWN, Plan
from midwatch.runbook.model import Runbook


@dataclass(frozen=True, slots=True)
class Pin:
    """The pinned identity of a server. An empty field is not pinned."""

    system_identifier: str = ""
    role: str = ""

    def __str__(self) -> str:
        identifier = f"system identifier {self.system_identifier}" if self.system_identifier else ""
        return ", ".join(part for part in (self.role, identifier) if part)

    def differences(self, found: Pin) -> str:
        """What a server that was found has different from this pin; empty when it is this one."""
        said = []
        if self.system_identifier and found.system_identifier != self.system_identifier:
            said.append(f"system identifier {self.system_identifier} → {found.system_identifier}")
        if self.role and found.role != self.role:
            said.append(f"{self.role} → {found.role}")
        return ", ".join(said)

    def to_json(self) -> dict[str, Any]:
        """Return the pin as JSON types for the journal."""
        return {"system_identifier": self.system_identifier, "role": self.role}


Pins = Mapping[str, Pin]
"""By the name of the target."""


def pins_of(runbook: Runbook, pinned: Pins) -> dict[str, Pin]:
    """The pins that hold: those of the incident, else those of runbook and site."""
    given = {target.name: Pin(target.system_identifier, target.role) for target in runbook.targets.values()}
    return given | dict(pinned)


def pin_words(body: Mapping[str, Any]) -> str:
    """What an event `target.pinned` pins, and in place of which pin."""
    found = str(Pin(str(body.get("system_identifier", "")), str(body.get("role", ""))))
    before = body.get("from")
    if not before:
        return found
    return f"{found}, before: {Pin(str(before.get('system_identifier', '')), str(before.get('role', '')))}"


def servers_in(plan: Plan) -> dict[str, Pin]:
    """The servers that a plan found out, by target; without those that are unknown."""
    found = {}
    for name, value in plan.bindings.items():
        if name.startswith(SYSTEM_IDENTIFIER) and value != UNKNOWN:
            target = name[len(SYSTEM_IDENTIFIER) :]
            found[target] = Pin(value, plan.bindings.get(f"{ROLE}{target}", ""))
    return found


def other_servers(plan: Plan, pins: Pins) -> dict[str, str]:
    """Target → how the server that the plan found differs from the pinned one; without those that are the pinned
    ones."""
    found = {target: pins[target].differences(server) for target, server in servers_in(plan).items() if target in pins}
    return {target: words for target, words in found.items() if words}


def first_pins(plan: Plan, runbook: Runbook, pinned: Pins) -> list[dict[str, Any]]:
    """Bodies of `target.pinned` for the servers of a plan that the incident has not pinned yet."""
    others = other_servers(plan, pins_of(runbook, pinned))
    found = {name: server for name, server in servers_in(plan).items() if name not in pinned and name not in others}
    return [{"target": name, **server.to_json(), "from": None, "reason": ""} for name, server in found.items()]


def new_pins(plan: Plan, runbook: Runbook, pinned: Pins, reason: str) -> list[dict[str, Any]]:
    """Bodies of `target.pinned` for the servers of a plan that are others than the pinned ones."""
    before, found = pins_of(runbook, pinned), servers_in(plan)
    others = other_servers(plan, before)
    return [
        {"target": name, **found[name].to_json(), "from": before[name].to_json(), "reason": reason} for name in others
    ]


def held_to(plan: Plan, runbook: Runbook, pinned: Pins) -> Plan:
    """The plan; one that found another server than the pinned one refuses to run, and says so."""
    others = other_servers(plan, pins_of(runbook, pinned))
    if not others:
        return plan
    labels = {target.name: target.label for target in runbook.targets.values()}
    said = [f"{labels.get(target, target)} is not the pinned server: {words}" for target, words in others.items()]
    return replace(plan, refusal="; ".join([*said, plan.refusal] if plan.refusal else said))
