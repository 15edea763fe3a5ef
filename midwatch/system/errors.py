"""The errors of Midwatch: one sentence, the position of the fault, and a hint that says what to do."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import IntEnum

from midwatch.system.sanitize import safe_text

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors that report a shortage of this process or machine, not a fault of the request."""


class Exit(IntEnum):
    """Exit codes of every `midwatch` command."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    UNKNOWN = 3
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A position in a file, counted from 1 as editors count."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


class MidwatchError(Exception):
    """Base of every error that Midwatch raises on purpose: a sentence, a place and a hint.

    `str(error)` is one line, ready for stderr: `PLACE: SENTENCE. HINT.`
    """

    exit = Exit.FAILED

    def __init__(self, sentence: str, *, place: SourceLocation | None = None, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        text = self.sentence if self.sentence.endswith((".", "?", "!")) else f"{self.sentence}."
        if self.hint:
            text += f" {self.hint if self.hint.endswith(('.', '?', '!')) else self.hint + '.'}"
        return safe_text(
            f"{self.place}: {text}" if self.place else text
        )  # it may quote whatever a file or an argument holds


class BadInput(MidwatchError):
    """The input is unusable: a wrong value, an unknown name, a malformed file."""

    exit = Exit.BAD_INPUT


class Failed(MidwatchError):
    """The operation was tried and did not succeed."""


class Refused(MidwatchError):
    """The operation was not tried, because trying would break a promise. The hint names the alternative."""


class OutcomeUnknown(MidwatchError):
    """Whether the operation succeeded is unknown. A person has to decide."""

    exit = Exit.UNKNOWN


def shortage(error: BaseException) -> str:
    """Return the shortage of this process or machine as a clause; empty for any other error."""
    if isinstance(error, MemoryError):
        return "There is not enough memory"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "There is not enough memory, or there are too many processes: no thread can be started"
    if isinstance(error, OSError) and error.errno in SHORTAGES:
        return error.strerror or str(error)
    return ""


def in_words(error: BaseException) -> str:
    """Return the message of any error as a clause without a full stop."""
    if isinstance(error, MidwatchError):
        return error.sentence
    return shortage(error) or (isinstance(error, OSError) and error.strerror) or str(error)
