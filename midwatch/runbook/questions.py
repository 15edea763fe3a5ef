"""Validates answers to questions: typed answers, answers from files, and defaults in a runbook."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from midwatch.runbook.measures import Measure, Quantity
from midwatch.runbook.shapes import listed
from midwatch.runbook.value_sources import Question
from midwatch.system.expressions import matches
from midwatch.system.shortened import shortened
from midwatch.system.units import Seconds

YES_NO = ("yes", "no")
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that nobody means to type: the variables of a shell cannot hold all of them."""


def _number(text: str) -> float:
    measure = Measure.parse(text)
    if measure.quantity is not Quantity.NUMBER:
        raise ValueError(f"{text!r} has a unit")
    return measure.value


def _date(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r} is no date")
    return date.fromisoformat(text)


READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "number": (_number, "a number"),
    "date": (_date, "a date, such as 2026-11-23,"),
    "duration": (lambda text: float(Seconds.parse(text)), "a duration, such as 30 min,"),
}
"""The kinds of questions whose answers have an order: how an answer is read, and how a sentence names the kind.

A reader raises `ValueError` for a text that is no such answer."""


def tidy(answer: str) -> str:
    """The answer without its edges, its lines ended as they are everywhere here."""
    return answer.replace("\r\n", "\n").strip()


def misfit(ask: Question, answer: str) -> str:
    """Why this is no answer to the question, as `takes yes or no, not 'maybe'`; empty when it is one. Empty answers
    fit."""
    said = shortened(answer)
    if not answer:
        return ""
    if _COMMANDS.search(answer):
        return f"takes text without control characters, not {said!r}"
    if ask.kind != "text" and "\n" in answer:
        return f"takes one line, not {len(answer.splitlines())}"
    fits = matches(ask.pattern, answer) if ask.pattern else _fits(ask, answer)
    if fits is None:
        return f"has a pattern that takes too long to compare with {said!r}"
    return "" if fits else f"takes {accepted(ask)}, not {said!r}"


def _fits(ask: Question, answer: str) -> bool:
    if words := answer_words(ask):
        return answer in words
    if ask.kind not in READERS:
        return True
    read, _ = READERS[ask.kind]
    try:
        value = read(answer)
    except ValueError:
        return False
    return (not ask.min or value >= read(ask.min)) and (not ask.max or value <= read(ask.max))


def accepted(ask: Question) -> str:
    """What the question accepts, as a sentence goes on: `a number from 1 to 825`; empty when any text is accepted."""
    if words := answer_words(ask):
        return listed(words)
    if ask.pattern:
        return f"a text such as {ask.example}"
    if ask.kind not in READERS:
        return ""
    _, kind = READERS[ask.kind]
    limits = f"from {ask.min} to {ask.max}" if ask.min and ask.max else ""
    more, less = ("later", "earlier") if ask.kind == "date" else ("more", "less")
    limits = limits or (f"of {ask.min} or {more}" if ask.min else f"of {ask.max} or {less}" if ask.max else "")
    return f"{kind} {limits}".strip(" ,")


def answer_words(ask: Question) -> tuple[str, ...]:
    """The only answers that the question takes; none when it takes any text."""
    return {"yes-no": YES_NO, "choice": ask.options}.get(ask.kind, ())
