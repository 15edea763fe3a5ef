"""Asks a question of the runbook until the answer is one."""

from __future__ import annotations

from midwatch.runbook.questions import accepted, answer_words, misfit, tidy
from midwatch.runbook.value_sources import Question
from tui.plain.line_terminal import LineTerminal

_SHORT = {"y": "yes", "n": "no"}


def answered(terminal: LineTerminal, ask: Question, known: str, otherwise: str) -> str:
    """What somebody answers; Enter alone keeps what is known, which may be nothing where the question may stay open.

    `otherwise` says what Ctrl+C does. Raises `Interrupted` and `Gone`.
    """
    while True:
        answer = _said(terminal, ask, known)
        if ask.required and not answer:
            terminal.say(f"An answer is needed; Ctrl+C {otherwise}.")
        elif why := misfit(ask, answer):
            terminal.say(f"It {why}.")
        else:
            return answer


def _said(terminal: LineTerminal, ask: Question, known: str) -> str:
    if ask.kind == "text":
        if known:
            terminal.say(f"{ask.prompt} So far, and kept if no line comes:")
            terminal.say(known)
        return tidy(terminal.several(ask.prompt)) or known
    words, takes = answer_words(ask), accepted(ask)
    either = f" {takes}" if words else f" ({takes})" if takes else ""
    may = "" if ask.required or known else " (may stay empty)"
    answer = terminal.ask_text(f"{ask.prompt}{either}{f' [{known}]' if known else ''}{may}: ") or known
    if ask.kind == "yes-no":
        answer = _SHORT.get(answer.lower(), answer)
    return next((word for word in words if word.lower() == answer.lower()), answer)
