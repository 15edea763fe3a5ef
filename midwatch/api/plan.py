"""Plan, then apply, and nothing else: what a step would touch, row by row, and the digest that binds consent to it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from midwatch.system.errors import Refused
from midwatch.system.units import size


class Verb(StrEnum):
    """What happens to the object of an effect."""

    READ = "read"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    KEEP = "keep"

    @property
    def touches(self) -> bool:
        """Whether the world is different afterwards."""
        return self not in (Verb.READ, Verb.KEEP)


SYSTEM_IDENTIFIER, ROLE = "system identifier of ", "role of "
"""Begin the names of the bindings that say which PostgreSQL server a target is; the target's name follows."""
UNKNOWN = "unknown"
"""The value of an identity that could not be read."""
PLAN_AGAIN = "Plan again, read it, confirm it"
MOST_NAMED, LONGEST_NAMED = 5, 60
"""Differences that are named, and characters of each value."""

SUMS = {"frees": Verb.REMOVE, "writes": Verb.CREATE}
"""What the sizes of a verb's rows add up to is called so; a fact of that name says it in the action's own words."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One row of a plan."""

    verb: Verb
    object: str
    """The thing, as a person would name it."""
    size: int | None = None
    """Bytes created, removed or kept; None when it has none or it cannot be known."""
    reversible: bool = True
    note: str = ""
    identity: str = ""
    """What makes it this thing and no other (an image's id, an absolute path); the object's name when empty."""
    kind: str = ""
    """What sort of thing it is, as one counts it: `image`, `file`; empty when it is the only one of its sort."""

    @property
    def key(self) -> tuple[str, str]:
        """What consent is bound to. Size and note may drift between plan and apply; this may not."""
        return self.verb.value, self.identity or self.object


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would do now: computed live, shown to a person, bound by its digest."""

    action: str
    parameters: Mapping[str, str]
    effects: tuple[Effect, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Label and text of what helps to decide: `route` → `host socket`, `frees` → `14.2 GB: 96 % → 71 %`."""
    refusal: str = ""
    """Why it would refuse to run now; empty when it would run."""
    confirm_name: str = ""
    """What a person types to let a `destroy` go on: the name of what it destroys in."""
    bindings: Mapping[str, str] = field(default_factory=dict)
    """What has to be the same when it runs, beside the parameters: address and identity of a server, digests of files."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over action, parameters, bindings and the identity of every effect that touches something."""
        touched = sorted(effect.key for effect in self.effects if effect.verb.touches)
        bound = [self.action, sorted(self.parameters.items()), sorted(self.bindings.items()), touched]
        return hashlib.sha256(json.dumps(bound, separators=(",", ":")).encode("ascii")).hexdigest()

    def total(self, verb: Verb) -> int:
        """Bytes of all effects with this verb whose size is known."""
        return sum(e.size or 0 for e in self.effects if e.verb is verb)

    def counted(self, verb: Verb) -> list[tuple[str, int]]:
        """How many things of each kind this verb touches, in the order of the plan; `item` for what has no kind."""
        found = Counter(effect.kind or "item" for effect in self.effects if effect.verb is verb)
        return list(found.items())

    def totals(self, spared: Sequence[str] = ()) -> str:
        """What it adds up to: `frees 14.2 GB; removes 3 images; none of them arp-db-prod; keeps 2`.

        What a fact called `frees` or `writes` says better stands in place of the sum. Empty where one row says it all.
        `spared` are names that matter to the reader: said only if nothing removed bears one.
        """
        known, touched = dict(self.facts), sum(effect.verb.touches for effect in self.effects)
        parts = [
            f"{word} {known.get(word) or size(self.total(verb))}"
            for word, verb in SUMS.items()
            if word in known or (touched > 1 and self.total(verb))
        ]
        if touched < 2:
            return "; ".join(parts) if touched else ""
        for verb in (Verb.REMOVE, Verb.CHANGE, Verb.CREATE):
            counted = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in self.counted(verb))
            parts += [f"{verb.value}s {counted}"] if counted else []
        removed = [f"{effect.object} {effect.identity}" for effect in self.effects if effect.verb is Verb.REMOVE]
        if removed and spared and not any(name in row for name in spared for row in removed):
            *others, last = spared
            names = f"{', '.join(others)} or {last}" if others else last
            parts.append(f"none of them {names if len(spared) < 4 else 'a target'}")
        if removed and (kept := sum(effect.verb is Verb.KEEP for effect in self.effects)):
            parts.append(f"keeps {kept}")
        return "; ".join(parts)

    def require_within(self, confirmed: Plan) -> None:
        """Raise `Refused` if this plan, computed now, has other inputs than the confirmed one, or would touch more."""
        if changes := self.changes_since(confirmed):
            raise Refused(f"Since the plan was confirmed, {changes}", hint=PLAN_AGAIN)
        known = {effect.key for effect in confirmed.effects}
        added = [f"{e.verb} {e.object}" for e in self.effects if e.verb.touches and e.key not in known]
        if added:
            names = ", ".join(added[:3]) + (" and more" if len(added) > 3 else "")
            raise Refused(f"Since the plan was confirmed, this was added: {names}", hint=PLAN_AGAIN)

    def changes_since(self, earlier: Plan) -> str:
        """What differs between the inputs of an earlier plan and those of this one, as a clause; empty when nothing does."""
        if self.action != earlier.action:
            return f"the action changed: {earlier.action} → {self.action}"
        parameters = _differences(earlier.parameters, self.parameters)
        bindings = _differences(earlier.bindings, self.bindings)
        said = [f"other parameters are given: {parameters}"] if parameters else []
        if bindings:
            said.append(
                f"the server changed: {bindings}" if SYSTEM_IDENTIFIER in bindings else f"this changed: {bindings}"
            )
        return "; ".join(said)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON types; `from_json` gives it back."""
        return {
            "action": self.action,
            "parameters": dict(self.parameters),
            "digest": self.digest,
            "effects": [
                {
                    "verb": e.verb.value,
                    "object": e.object,
                    "size": e.size,
                    "reversible": e.reversible,
                    "note": e.note,
                    "identity": e.identity,
                    "kind": e.kind,
                }
                for e in self.effects
            ],
            "facts": [list(fact) for fact in self.facts],
            "refusal": self.refusal,
            "confirm_name": self.confirm_name,
            "bindings": dict(self.bindings),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises `KeyError` or `ValueError` when it is not a plan."""
        return cls(
            action=data["action"],
            parameters=dict(data["parameters"]),
            effects=tuple(Effect(**{**e, "verb": Verb(e["verb"])}) for e in data["effects"]),
            facts=tuple((label, text) for label, text in data.get("facts", ())),
            refusal=data.get("refusal", ""),
            confirm_name=data.get("confirm_name", ""),
            bindings=dict(data.get("bindings", {})),
        )


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    said = [f"{name} {_short(before.get(name))} → {_short(now.get(name))}" for name in names[:MOST_NAMED]]
    return "; ".join(said) + (" and more" if len(names) > MOST_NAMED else "")


def _short(value: str | None) -> str:
    if value is None:
        return "(nothing)"
    line = " / ".join(value.splitlines()) or "(empty)"
    return line if len(line) <= LONGEST_NAMED else f"{line[:LONGEST_NAMED]}…"


@dataclass(slots=True)
class PlanDraft:
    """A plan being put together; `plan()` freezes it."""

    action: str
    parameters: Mapping[str, str]
    effects: list[Effect] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    refusal: str = ""
    confirm_name: str = ""
    bindings: dict[str, str] = field(default_factory=dict)
    wrong_server: str = ""
    """Why it may not run here, whatever else speaks against it; empty when nothing does."""

    def add(
        self,
        verb: Verb,
        object: str,
        *,
        size: int | None = None,
        reversible: bool = True,
        note: str = "",
        identity: str = "",
        kind: str = "",
    ) -> None:
        """Add one effect."""
        self.effects.append(Effect(verb, object, size, reversible, note, identity, kind))

    def fact(self, label: str, text: str) -> None:
        """Add one fact."""
        self.facts.append((label, text))

    def bind(self, name: str, value: str) -> None:
        """Have the plan hold only as long as this value stays exactly the same. Never a secret: the journal has it."""
        self.bindings[name] = value

    def plan(self) -> Plan:
        """The finished plan."""
        effects, facts = tuple(self.effects), tuple(self.facts)
        refusal = "; ".join(reason for reason in (self.wrong_server, self.refusal) if reason)
        return Plan(self.action, self.parameters, effects, facts, refusal, self.confirm_name, self.bindings)
