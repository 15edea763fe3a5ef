"""The forms that a `when:` condition can take. All are immutable; `midwatch.incident.conditions` evaluates them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from midwatch.runbook.measures import Measure
from midwatch.runbook.value_sources import Reference

if TYPE_CHECKING:
    from midwatch.runbook.model import CheckSpec, Step

PRESENT = "present"
"""The word of `is:` for any value."""


class Outcome(StrEnum):
    """The outcome of a step that a condition asks for; each is a key of `when:`."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Relation(StrEnum):
    """How a value is compared with a limit; each is a key of `when:`."""

    BELOW = "below"
    AT_MOST = "at_most"
    ABOVE = "above"
    AT_LEAST = "at_least"

    @property
    def words(self) -> str:
        """As a sentence says the relation: `at most`."""
        return self.value.replace("_", " ")

    def holds(self, value: float, limit: float) -> bool:
        """Whether the value stands in this relation to the limit."""
        match self:
            case Relation.BELOW:
                return value < limit
            case Relation.AT_MOST:
                return value <= limit
            case Relation.ABOVE:
                return value > limit
            case Relation.AT_LEAST:
                return value >= limit


@dataclass(frozen=True, slots=True)
class OutcomeIs:
    """Holds when one of the steps has the outcome."""

    outcome: Outcome
    steps: tuple[str, ...]
    sources: Mapping[str, Step] = field(default_factory=dict, repr=False, compare=False)
    """The named steps by id, so that the condition can be evaluated without the runbook."""


@dataclass(frozen=True, slots=True)
class AnswerIs:
    """Holds when one of the values is one of the words; without words, when one of the values is present."""

    answers: tuple[Reference, ...]
    words: tuple[str, ...] = ()
    sources: Mapping[str, Step] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class AnswerCompares:
    """Holds when one of the values stands in every relation to its limit."""

    answers: tuple[Reference, ...]
    limits: tuple[tuple[Relation, Measure], ...]
    sources: Mapping[str, Step] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when every condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when one of the conditions holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """Holds when the condition does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class CheckHolds:
    """Holds when a check does. The check is evaluated when the step becomes next; the record has what it found."""

    check: CheckSpec


Condition = OutcomeIs | AnswerIs | AnswerCompares | CheckHolds | AllOf | AnyOf | Negation


def leaves(condition: Condition) -> Iterator[OutcomeIs | AnswerIs | AnswerCompares | CheckHolds]:
    """The conditions inside this one that hold no others."""
    match condition:
        case AllOf() | AnyOf():
            for inner in condition.conditions:
                yield from leaves(inner)
        case Negation():
            yield from leaves(condition.condition)
        case _:
            yield condition


def checks_in(condition: Condition | None) -> list[CheckSpec]:
    """The checks of a condition; none without a condition."""
    return [leaf.check for leaf in leaves(condition) if isinstance(leaf, CheckHolds)] if condition else []
