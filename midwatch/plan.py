"""Plan, then apply, and nothing else: what a step would touch, row by row, and the digest that binds consent to it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from midwatch.errors import Refused
from midwatch.units import size


class Risk(StrEnum):
    """How much a step can hurt. `observe` changes nothing, `change` can be undone or repeated, `destroy` cannot."""

    OBSERVE = "observe"
    CHANGE = "change"
    DESTROY = "destroy"


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

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over action, parameters and the identity of every effect that touches something."""
        bound = [self.action, dict(sorted(self.parameters.items())), sorted(e.key for e in self.effects if e.verb.touches)]
        return hashlib.sha256(json.dumps(bound, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()

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
        """Raise `Refused` if this plan, computed now, would touch anything that the confirmed one did not name."""
        known = {e.key for e in confirmed.effects}
        added = [e for e in self.effects if e.verb.touches and e.key not in known]
        if self.action != confirmed.action or dict(self.parameters) != dict(confirmed.parameters):
            raise Refused("The plan that was confirmed is for another action or other parameters", hint="Plan again")
        if added:
            names = ", ".join(f"{e.verb} {e.object}" for e in added[:3]) + (" and more" if len(added) > 3 else "")
            raise Refused(f"Since the plan was confirmed, this was added: {names}", hint="Plan again, read it, confirm it")

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
        )


@dataclass(slots=True)
class PlanDraft:
    """A plan being put together; `plan()` freezes it."""

    action: str
    parameters: Mapping[str, str]
    effects: list[Effect] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    refusal: str = ""
    confirm_name: str = ""

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

    def plan(self) -> Plan:
        """The finished plan."""
        return Plan(self.action, self.parameters, tuple(self.effects), tuple(self.facts), self.refusal, self.confirm_name)
