"""Builds a `when:` condition from its fields. Problems are already reported."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from midwatch.runbook.condition_forms import (
    PRESENT,
    AllOf,
    AnswerCompares,
    AnswerIs,
    AnyOf,
    CheckHolds,
    Condition,
    Negation,
    Outcome,
    OutcomeIs,
    Relation,
)
from midwatch.runbook.fields import Fields, arguments
from midwatch.runbook.model import CheckSpec, Step


def build_condition(fields: Fields | None, earlier: Mapping[str, Step]) -> Condition | None:
    """The condition; None where there is none, or where no form of a condition was given."""
    if fields is None:
        return None

    def sources(names: Iterable[str]) -> Mapping[str, Step]:
        return {name: earlier[name] for name in names if name in earlier}

    def several(key: str) -> tuple[Condition, ...]:
        built = (build_condition(item.value, earlier) for item in fields.items(key))
        return tuple(condition for condition in built if condition is not None)

    for outcome in Outcome:
        if steps := fields.values(outcome):
            return OutcomeIs(outcome, steps, sources(steps))
    if answers := fields.values("answer"):
        named = sources(answer.step for answer in answers)
        if limits := tuple((relation, fields.get(relation)) for relation in Relation if fields.get(relation)):
            return AnswerCompares(answers, limits, named)
        words = fields.values("is")
        return AnswerIs(answers, () if words == (PRESENT,) else words, named)
    if "check" in fields.found:
        return CheckHolds(_check(fields))
    if conditions := several("all"):
        return AllOf(conditions)
    if conditions := several("any"):
        return AnyOf(conditions)
    inner = build_condition(fields.get("not"), earlier)
    return None if inner is None else Negation(inner)


def _check(fields: Fields) -> CheckSpec:
    """The check, called by what it evaluates: an edited check has another name in the record."""
    given = arguments(fields.table("with"))
    digest = hashlib.sha256(repr(sorted(given.items())).encode("utf-8", "surrogatepass")).hexdigest()
    name = fields.get("check")
    return CheckSpec(f"{name}-{digest[:12]}", f"the check {name}", name, given, fields.place)
