"""Validates answers to questions: typed answers, answers from files, and defaults in a runbook."""

from __future__ import annotations

import re

from midwatch.runbook.fields import listed, shortened
from midwatch.runbook.model import Question

YES_NO = ("yes", "no")
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that nobody means to type: the variables of a shell cannot hold all of them."""


def tidy(answer: str) -> str:
    """The answer without its edges, its lines ended as they are everywhere here."""
    return answer.replace("\r\n", "\n").strip()


def misfit(ask: Question, answer: str) -> str:
    """Why this is no answer to the question, as `takes yes or no, not 'maybe'`; empty when it is one. Empty answers fit."""
    said = shortened(answer)
    if not answer:
        return ""
    if _COMMANDS.search(answer):
        return f"takes text without control characters, not {said!r}"
    if answer_words(ask) and answer not in answer_words(ask):
        return f"takes {listed(answer_words(ask))}, not {said!r}"
    if ask.kind != "text" and "\n" in answer:
        return f"takes one line, not {len(answer.splitlines())}"
    return ""


def answer_words(ask: Question) -> tuple[str, ...]:
    """The only answers that the question takes; none when it takes any text."""
    return {"yes-no": YES_NO, "choice": ask.options}.get(ask.kind, ())
