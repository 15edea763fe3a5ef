"""Finds known texts, and what may be the beginning of one at the end of a text."""

from __future__ import annotations

from collections.abc import Mapping

from ahocorasick_rs import BytesAhoCorasick, Implementation

_HEAD_BYTES = 8
"""Only the beginnings of patterns are in the automaton: it stays small, and also finds what the end cuts off."""
_SMALL_BYTES = 64 * 1024
"""Bytes of patterns up to which the automaton with the fastest steps is small enough."""
_MUCH_BYTES = 512 * 1024
"""Bytes of text that are read before building that automaton pays."""


Occurrence = tuple[int, int, int]
"""Pattern, start and end."""


class Automaton:
    """Finds all occurrences of patterns, overlapping ones too."""

    def __init__(self, patterns: list[bytes]) -> None:
        self._patterns = patterns
        self._bytes_left = _MUCH_BYTES if sum(map(len, patterns)) <= _SMALL_BYTES else -1
        self._automaton = BytesAhoCorasick(patterns, implementation=Implementation.ContiguousNFA)

    def find(self, text: bytes) -> list[Occurrence]:
        if self._bytes_left > 0:
            self._bytes_left -= len(text)
            if self._bytes_left <= 0:
                self._automaton = BytesAhoCorasick(self._patterns, implementation=Implementation.DFA)
        return self._automaton.find_matches_as_indexes(text, overlapping=True)


class Patterns:
    """Byte patterns with names: where they occur, and where the end of a text may be the beginning of one."""

    def __init__(self, forms: Mapping[bytes, str]) -> None:
        self.longest = max(map(len, forms), default=0)
        by_head: dict[bytes, list[tuple[bytes, str]]] = {}
        self._beginnings: dict[bytes, str] = {}
        for form, name in forms.items():
            by_head.setdefault(form[:_HEAD_BYTES], []).append((form, name))
            for size in range(1, min(_HEAD_BYTES, len(form))):
                self._beginnings.setdefault(form[:size], name)
        self.heads = list(by_head)
        self._by_head = list(by_head.values())
        self._heads = Automaton(self.heads) if by_head else None

    def scan(
        self, text: bytes, heads: list[Occurrence] | None = None
    ) -> tuple[list[tuple[int, int, str]], tuple[int, str] | None]:
        """Start, end and name of every occurrence, overlapping ones too; start and name of the earliest unfinished
        one. `heads`: where one may begin, when that is known."""
        found: list[tuple[int, int, str]] = []
        if self._heads is None or not text:
            return found, None
        size = len(text)
        begun: tuple[int, str] | None = None
        for head, start, _ in self._heads.find(text) if heads is None else heads:
            for form, name in self._by_head[head]:
                end = start + len(form)
                if end <= size:
                    if text.startswith(form, start):
                        found.append((start, end, name))
                elif (begun is None or start < begun[0]) and form.startswith(text[start:]):
                    begun = start, name
        for start in range(max(0, size - _HEAD_BYTES + 1), size if begun is None else begun[0]):
            if name_of_beginning := self._beginnings.get(text[start:]):
                return found, (start, name_of_beginning)
        return found, begun
