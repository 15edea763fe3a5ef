"""Checks one table of a `when:` condition: exactly one form, complete, and possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from midwatch.runbook.condition_forms import PRESENT, Outcome, Relation
from midwatch.runbook.fields import Fields, Problems
from midwatch.runbook.questions import answer_words
from midwatch.runbook.shapes import listed
from midwatch.runbook.value_sources import Question

_FORMS = (*Outcome, "answer", "check", "all", "any", "not")
_EXAMPLE = "Such as {answer: assess-impact.downtime, is: yes} or {answer: check-certificate.days_left, below: 7}"


def conditions_in(fields: Fields | None) -> Iterator[Fields]:
    """The table of a condition and every table inside of it; nothing without a condition."""
    if fields is None:
        return
    yield fields
    for key in ("all", "any"):
        for item in fields.items(key):
            yield from conditions_in(item.value)
    yield from conditions_in(fields.get("not"))


def check_condition(condition: Fields, asked: Mapping[str, Mapping[str, Question]], problems: Problems) -> None:
    """Report a table with no form or several, an answer without its test, and words that no answer can be."""
    forms = [form for form in _FORMS if form in condition]
    tests = [key for key in ("is", *Relation) if key in condition]
    if len(forms) != 1:
        problems.add(f"A condition takes one of {listed(_FORMS)}", condition.place, "Join several with 'all' or 'any'")
    elif forms != ["check"] and "with" in condition:
        problems.add("'with' belongs to 'check'", condition.key("with"), "Take it out")
    elif forms != ["answer"] and tests:
        problems.add(f"'{tests[0]}' belongs to 'answer'", condition.key(tests[0]), _EXAMPLE)
    elif forms == ["answer"] and not tests:
        problems.add("'answer' needs 'is' or a limit", condition.place, _EXAMPLE)
    elif "is" in tests and len(tests) > 1:
        problems.add(
            f"'is' and '{tests[1]}' do not go together", condition.key(tests[1]), "Join two conditions with 'all'"
        )
    elif len(condition.items("is")) > 1 and PRESENT in condition.values("is"):
        problems.add(f"'{PRESENT}' stands alone: it means any value", condition.where("is"), "Take the other words out")
    _limits(condition, problems)
    for answer in condition.items("answer"):
        question = asked.get(answer.value.step, {}).get(answer.value.key)
        words = answer_words(question) if question else ()
        for found in condition.items("is") if words else ():
            if found.value not in (*words, PRESENT):
                problems.add(f"The answer to {answer.value} is {listed(words)}, never {found.value!r}", found.place)
        for key in (key for key in Relation if words and condition.get(key) is not None):
            if all(condition.get(key).value_of(word) is None for word in words):
                sentence = f"The answer to {answer.value} is {listed(words)}, which has no order"
                problems.add(sentence, condition.where(key), "Use 'is'")


def _limits(condition: Fields, problems: Problems) -> None:
    limits = [(key, condition.get(key)) for key in Relation if condition.get(key) is not None]
    for key, limit in limits[1:]:
        if limit.quantity is not limits[0][1].quantity:
            sentence = f"{limit} is a {limit.quantity} and {limits[0][1]} is a {limits[0][1].quantity}"
            problems.add(sentence, condition.where(key), "Compare the value with limits of one kind")
            return
    lower = [(key, limit) for key, limit in limits if key in (Relation.ABOVE, Relation.AT_LEAST)]
    for (low, least), (high, most) in product(lower, [bound for bound in limits if bound not in lower]):
        strict = low is Relation.ABOVE or high is Relation.BELOW
        if least.value > most.value or (strict and least.value == most.value):
            sentence = f"No value is {low.words} {least} and {high.words} {most}"
            problems.add(sentence, condition.where(high), "Exchange the limits, or join two conditions with 'any'")
