"""A condition of a step in words, as its author wrote it: `cert.days_left is below 7`."""

from __future__ import annotations

from midwatch.runbook.condition_forms import (
    AllOf,
    AnswerCompares,
    AnswerIs,
    AnyOf,
    CheckHolds,
    Condition,
    Negation,
    OutcomeIs,
)
from midwatch.runbook.shapes import listed


def condition_words(condition: Condition) -> str:
    """When the condition holds, as the end of a sentence that begins with `needed when`."""
    match condition:
        case OutcomeIs(outcome, steps):
            return f"{listed(steps)} {'is' if len(steps) == 1 else 'are'} {outcome}"
        case AnswerIs(answers, words):
            return f"{listed([str(answer) for answer in answers])} is {listed(words) if words else 'present'}"
        case AnswerCompares(answers, limits):
            compared = " and ".join(f"{relation.words} {limit}" for relation, limit in limits)
            return f"{listed([str(answer) for answer in answers])} is {compared}"
        case CheckHolds(check):
            return f"{check.title} holds"
        case AllOf(conditions):
            return " and ".join(map(_inner, conditions))
        case AnyOf(conditions):
            return " or ".join(map(_inner, conditions))
        case Negation(inner):
            return f"not ({condition_words(inner)})"


def _inner(condition: Condition) -> str:
    """A part of a longer condition, in brackets where the words could be read in two ways."""
    words = condition_words(condition)
    return f"({words})" if isinstance(condition, AllOf | AnyOf) else words
