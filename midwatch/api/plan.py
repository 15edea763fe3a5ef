"""Plans: what an action would touch, row by row, and the digest that binds the operator's consent to the plan."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any, Self

from midwatch.system.errors import Refused
from midwatch.system.shortened import shortened
from midwatch.system.units import counted, first_few, size


class Verb(StrEnum):
    """The kind of an effect on its object."""

    READ = "read"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    KEEP = "keep"

    @property
    def touches(self) -> bool:
        """Whether the effect changes something."""
        return self not in (Verb.READ, Verb.KEEP)


SYSTEM_IDENTIFIER, ROLE = "system identifier of ", "role of "
"""Prefixes of the bindings that identify the PostgreSQL server of a target; the name of the target follows."""
UNKNOWN = "unknown"
"""The value of an identity that could not be read."""
PLAN_AGAIN = "Plan again, read the plan and confirm it"
MOST_NAMED, LONGEST_NAMED = 5, 60
"""The number of differences that a message names, and the characters that it shows of each value."""
WARNING = "warning"
"""The label of a fact that speaks against the plan. Front ends show these facts first."""

SUMS = {"frees": Verb.REMOVE, "writes": Verb.CREATE}
"""Labels for the total size of a verb. A fact with the same label replaces the computed total."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One row of a plan."""

    verb: Verb
    object: str
    """The name of the object for people."""
    size: int | None = None
    """Bytes created, removed or kept; None when the object has no size or the size is not known."""
    reversible: bool = True
    """Whether a later action can undo the effect."""
    note: str = ""
    """A short remark, shown at the end of the row."""
    identity: str = ""
    """The unique identity of the object (the id of an image, an absolute path); `object` is used when empty."""
    kind: str = ""
    """The noun for counting: `image`, `file`; empty when the plan has only one object of this kind."""

    @property
    def key(self) -> tuple[str, str]:
        """The verb and the identity. Consent is bound to the key; size and note may change before `apply`."""
        return self.verb.value, self.identity or self.object


@dataclass(frozen=True, slots=True)
class Plan:
    """The effects of an action, computed from the present state. The operator consents to the digest of the plan."""

    action: str
    """The name of the action."""
    parameters: Mapping[str, str]
    """Text by name of parameter, as `Action.given` returns it."""
    effects: tuple[Effect, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Pairs of label and text that help to decide: `route` and `host socket`, `frees` and `14.2 GB: 96 % → 71 %`."""
    refusal: str = ""
    """Why the action would refuse to run now; empty when the action would run."""
    confirm_name: str = ""
    """The name that the operator types to confirm a `destroy` action: the database or host that loses data."""
    bindings: Mapping[str, str] = field(default_factory=dict)
    """Values that must stay the same until the action runs: address and identity of a server, digests of files."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the action, parameters, bindings and the keys of all effects that change something."""
        touched = sorted(effect.key for effect in self.effects if effect.verb.touches)
        bound = [self.action, sorted(self.parameters.items()), sorted(self.bindings.items()), touched]
        return hashlib.sha256(json.dumps(bound, separators=(",", ":")).encode("ascii")).hexdigest()

    def total(self, verb: Verb) -> int:
        """Return the total size in bytes of the effects with this verb. Unknown sizes count as 0."""
        return sum(e.size or 0 for e in self.effects if e.verb is verb)

    def counted(self, verb: Verb) -> list[tuple[str, int]]:
        """Count the effects with this verb by kind.

        Args:
            verb: The verb of the effects.

        Returns:
            Pairs of kind and number in the order of the plan. The kind is `item` for effects without a kind.
        """
        found = Counter(effect.kind or "item" for effect in self.effects if effect.verb is verb)
        return list(found.items())

    def totals(self, spared: Sequence[str] = ()) -> str:
        """Summarize the effects in one line.

        A fact with the label `frees` or `writes` replaces the total of the sizes.

        Args:
            spared: Names that matter to the reader. The line mentions them only when no removed object has such a name.

        Returns:
            For example `frees 14.2 GB; removes 3 images; none of them arp-db-prod; keeps 2`. Empty when the plan
            changes nothing, or when its only row says everything.
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
            kinds = ", ".join(counted(count, kind) for kind, count in self.counted(verb))
            parts += [f"{verb.value}s {kinds}"] if kinds else []
        removed = [f"{effect.object} {effect.identity}" for effect in self.effects if effect.verb is Verb.REMOVE]
        if removed and spared and not any(name in row for name in spared for row in removed):
            *others, last = spared
            names = f"{', '.join(others)} or {last}" if others else last
            parts.append(f"none of them {names if len(spared) < 4 else 'a target'}")
        if removed and (kept := sum(effect.verb is Verb.KEEP for effect in self.effects)):
            parts.append(f"keeps {kept}")
        return "; ".join(parts)

    def require_within(self, confirmed: Plan) -> None:
        """Require that this plan, computed now, does no more than the confirmed plan.

        Args:
            confirmed: The plan to which the operator consented.

        Raises:
            Refused: The inputs differ from those of the confirmed plan, or this plan would change more objects.
        """
        if changes := self.changes_since(confirmed):
            raise Refused(f"Since the plan was confirmed, {changes}", hint=PLAN_AGAIN)
        known = {effect.key for effect in confirmed.effects}
        added = [f"{e.verb} {e.object}" for e in self.effects if e.verb.touches and e.key not in known]
        if added:
            raise Refused(f"Since the plan was confirmed, this was added: {first_few(added)}", hint=PLAN_AGAIN)

    def changes_since(self, earlier: Plan) -> str:
        """Compare the inputs of this plan with those of an earlier plan.

        Args:
            earlier: The plan to compare with.

        Returns:
            The differences in action, parameters and bindings as a clause; empty when there are none.
        """
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
        """Return the plan as JSON types. `from_json` reads them back."""
        return {
            "action": self.action,
            "parameters": dict(self.parameters),
            "digest": self.digest,
            "effects": [{**asdict(effect), "verb": effect.verb.value} for effect in self.effects],
            "facts": [list(fact) for fact in self.facts],
            "refusal": self.refusal,
            "confirm_name": self.confirm_name,
            "bindings": dict(self.bindings),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Create a plan from the result of `to_json`.

        Args:
            data: JSON types as `to_json` returns them.

        Returns:
            The plan.

        Raises:
            KeyError: A key is missing.
            TypeError: An effect has an unknown key, or a value is not of its type.
            ValueError: A verb is unknown, or a fact is not a pair.
        """
        plan = cls(
            action=data["action"],
            parameters=dict(data["parameters"]),
            effects=tuple(Effect(**{**e, "verb": Verb(e["verb"])}) for e in data["effects"]),
            facts=tuple((label, text) for label, text in data.get("facts", ())),
            refusal=data.get("refusal", ""),
            confirm_name=data.get("confirm_name", ""),
            bindings=dict(data.get("bindings", {})),
        )
        texts = [plan.action, plan.refusal, plan.confirm_name, *chain(*plan.facts)]
        texts += chain(*plan.parameters.items(), *plan.bindings.items())
        texts += chain.from_iterable((e.object, e.note, e.identity, e.kind) for e in plan.effects)
        sizes = [e.size for e in plan.effects if e.size is not None]
        if not all(isinstance(text, str) for text in texts) or not all(type(size) is int for size in sizes):
            raise TypeError("a value of a plan is not of its type")
        return plan


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    said = [f"{name} {_short(before.get(name))} → {_short(now.get(name))}" for name in names]
    return first_few(said, MOST_NAMED, "; ")


def _short(value: str | None) -> str:
    if value is None:
        return "(nothing)"
    line = " / ".join(value.splitlines()) or "(empty)"
    return shortened(line, LONGEST_NAMED)


@dataclass(slots=True)
class PlanDraft:
    """A plan under construction. `plan` returns the finished plan."""

    action: str
    parameters: Mapping[str, str]
    effects: list[Effect] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    refusal: str = ""
    confirm_name: str = ""
    bindings: dict[str, str] = field(default_factory=dict)
    wrong_server: str = ""
    """Why the action may not run on this server; the finished plan names this reason first. Empty when it may."""

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
        """Add one effect.

        Args:
            verb: The kind of the effect.
            object: The name of the object for people.
            size: Bytes created, removed or kept; None when not known.
            reversible: Whether a later action can undo the effect.
            note: A short remark, shown at the end of the row.
            identity: The unique identity of the object; `object` is used when empty.
            kind: The noun for counting, such as `image`.
        """
        self.effects.append(Effect(verb, object, size, reversible, note, identity, kind))

    def fact(self, label: str, text: str) -> None:
        """Add a fact that helps the operator to decide.

        Args:
            label: One or two words, such as `route`.
            text: One line of text.
        """
        self.facts.append((label, text))

    def bind(self, name: str, value: str) -> None:
        """Bind the plan to a value: the action runs only if the value is the same when it starts.

        Args:
            name: The name of the value.
            value: The value. The journal stores it, so it must not be a secret.
        """
        self.bindings[name] = value

    def plan(self) -> Plan:
        """Return the finished plan."""
        effects, facts = tuple(self.effects), tuple(self.facts)
        refusal = "; ".join(reason for reason in (self.wrong_server, self.refusal) if reason)
        return Plan(self.action, self.parameters, effects, facts, refusal, self.confirm_name, self.bindings)
