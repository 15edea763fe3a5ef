"""What was typed in plain lines and not written: kept in memory, and offered when the same question is asked again."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import read

TAKE = "+"
"""What a line begins with that takes the draft and goes on with it."""
_LFLAG, _CC = 3, 6
LONGEST_BYTES = 4096
"""A terminal holds no more of one line."""


class LineDrafts:
    """The drafts of one session, by the word and the question. A draft goes when its word did what it does."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], str] = {}
        self._answered: set[tuple[str, str]] = set()
        self._topic = ""

    @contextmanager
    def about(self, topic: str) -> Iterator[None]:
        """The questions of one word. What was answered stays a draft when the word fails or is stopped."""
        self._topic, self._answered = topic, set()
        yield
        for key in self._answered:
            del self._kept[key]
        self._answered = set()

    def keep(self, question: str, text: str) -> None:
        """Keep what was typed, until the word is over."""
        if text.strip():
            self._kept[self._topic, question] = text
            self._answered.add((self._topic, question))

    def of(self, question: str) -> str:
        """The draft for this question; empty when there is none, or when this word has asked it already."""
        key = self._topic, question
        return "" if key in self._answered else self._kept.get(key, "")

    @property
    def kept_words(self) -> str:
        """A sentence that says that the word which failed or was stopped left a draft; empty when none is left."""
        return " What you typed is kept; the same word offers it again." if self._answered else ""

    @property
    def texts(self) -> list[str]:
        """All drafts, each in one line."""
        return [" / ".join(text.splitlines()) for text in self._kept.values()]


def joined(draft: str, line: str) -> str:
    """The line as it is meant: behind the draft where the line begins with `+`."""
    if draft and line.startswith(TAKE):
        return f"{draft}{line.removeprefix(TAKE)}".rstrip("\n")
    return line


@contextmanager
def keeping_half_typed() -> Iterator[None]:
    """Meanwhile a Ctrl+C leaves what was typed of a line with the terminal, which drops such lines otherwise."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, [*before[:_LFLAG], before[_LFLAG] | termios.NOFLSH, *before[4:]])
    try:
        yield
    finally:
        with suppress(termios.error):  # the line was hung up
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def take_half_typed() -> str:
    """What was typed of a line without its end. The terminal has it no longer."""
    with suppress(OSError, ValueError, termios.error):
        if sys.stdin.isatty():
            before = termios.tcgetattr(sys.stdin)
            characters = [*before[_CC]]
            characters[termios.VMIN], characters[termios.VTIME] = 0, 0
            by_character = [*before[:_LFLAG], before[_LFLAG] & ~termios.ICANON, *before[4:_CC], characters]
            termios.tcsetattr(sys.stdin, termios.TCSANOW, by_character)
            try:
                typed = read(sys.stdin.fileno(), LONGEST_BYTES)
            finally:
                termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
            return typed.decode(sys.stdin.encoding, "replace")
    return ""
