"""What was typed in plain lines and not written: kept in memory, and offered when the same question is asked again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

TAKE = "+"
"""What a line begins with that takes the draft and goes on with it."""


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
