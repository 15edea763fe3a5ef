"""Finds known secrets in a stream that arrives in pieces."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick, Implementation

from midwatch.redaction.variants import SHORTEST_PIECE

_HEAD = 4
_SMALL = 64 * 1024
"""Bytes of patterns up to which the automaton with the fastest steps is small enough to build at each start."""


def automaton(patterns: list[bytes]) -> BytesAhoCorasick:
    """What finds these patterns; twice as fast when there are few."""
    small = sum(map(len, patterns)) <= _SMALL
    return BytesAhoCorasick(patterns, implementation=Implementation.DFA if small else Implementation.ContiguousNFA)


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch to mask. `start` is negative when it began in what was already passed on."""

    start: int
    end: int
    name: str


class Patterns:
    """Byte patterns with names: where they occur, and where the end of a text may be the beginning of one."""

    def __init__(self, patterns: Mapping[bytes, str]) -> None:
        self._patterns = sorted(patterns)
        self._names = [patterns[p] for p in self._patterns]
        self.longest = max(map(len, self._patterns), default=0)
        self._all: BytesAhoCorasick | None = None
        heads = {p[:_HEAD] for p in self._patterns}
        self._heads = automaton(sorted(heads)) if heads else None

    def occurrences(self, text: bytes) -> Iterable[tuple[int, int, str]]:
        """Start, end and name of every occurrence, overlapping ones too."""
        if not self._patterns:
            return ()
        if self._all is None:  # one of the readings is seldom needed
            self._all = automaton(self._patterns)
        return [(s, e, self._names[i]) for i, s, e in self._all.find_matches_as_indexes(text, overlapping=True)]

    def begun(self, text: bytes) -> int | None:
        """Where the earliest unfinished occurrence starts at the end of `text`."""
        if self._heads is None or not text:
            return None
        base = max(0, len(text) - self.longest + 1)
        tail = text[base:]
        starts = sorted({s for _, s, _ in self._heads.find_matches_as_indexes(tail, overlapping=True)})
        starts += range(max(0, len(tail) - _HEAD + 1), len(tail))
        for start in starts:
            if self.beginning(tail[start:]) is not None:
                return base + start
        return None

    def beginning(self, piece: bytes) -> str | None:
        """The name of a pattern of which `piece` is the beginning, and not the whole."""
        at = bisect_left(self._patterns, piece)
        if at < len(self._patterns) and self._patterns[at] == piece:
            at += 1
        return self._names[at] if at < len(self._patterns) and self._patterns[at].startswith(piece) else None


class LiteralMatcher:
    """One reading of the stream, with as much of what was passed on as a secret may reach back."""

    def __init__(self, patterns: Patterns, context: bytes = b"") -> None:
        self.patterns = patterns
        self._context = context[-(patterns.longest - 1) :] if patterns.longest > 1 else b""

    @property
    def context(self) -> bytes:
        return self._context

    def begun(self, text: bytes, popped: int = 0) -> Found | None:
        """The longest unfinished occurrence at the end of `text`, when what there is of it is long enough to be told."""
        context = self._context[: len(self._context) - popped] if popped else self._context
        window, back = context + text, len(context)
        start = self.patterns.begun(window)
        name = None if start is None else self.patterns.beginning(window[start:])
        if start is None or name is None or len(window) - start < SHORTEST_PIECE:
            return None
        return Found(start - back, len(text), name)

    def search(self, text: bytes, popped: int = 0) -> tuple[list[Found], int | None]:
        """Occurrences that reach into `text`, and where an unfinished one starts; positions count from its first byte."""
        context = self._context[: len(self._context) - popped] if popped else self._context
        window, back = context + text, len(context)
        found = [Found(s - back, e - back, name) for s, e, name in self.patterns.occurrences(window) if e > back]
        begun = self.patterns.begun(window)
        return found, None if begun is None or (begun >= back and not text) else begun - back

    def passed(self, text: bytes, popped: int = 0) -> None:
        """`text` was passed on."""
        context = self._context[: len(self._context) - popped] if popped else self._context
        reach = self.patterns.longest - 1
        self._context = (context + text[-reach:])[-reach:] if reach > 0 else b""
