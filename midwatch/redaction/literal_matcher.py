"""Finds known secrets in a stream that arrives in pieces."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick, Implementation

from midwatch.redaction.variants import SHORTEST_PIECE

_HEAD_BYTES = 8
"""Only the beginnings of patterns are in the automaton: it stays small, and also finds what the end cuts off."""
_SMALL_BYTES = 64 * 1024
"""Bytes of patterns up to which the automaton with the fastest steps is small enough to build at each start."""


def automaton(patterns: list[bytes]) -> BytesAhoCorasick:
    """What finds these patterns; twice as fast when there are few."""
    small = sum(map(len, patterns)) <= _SMALL_BYTES
    return BytesAhoCorasick(patterns, implementation=Implementation.DFA if small else Implementation.ContiguousNFA)


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch to mask. `start` is negative when it began in what was already passed on."""

    start: int
    end: int
    name: str


class Patterns:
    """Byte patterns with names: where they occur, and where the end of a text may be the beginning of one."""

    def __init__(self, exact: Mapping[bytes, str], any_case: Mapping[bytes, str]) -> None:
        """`any_case`: patterns in lower case, found in every mixture of cases."""
        forms = [(form.lower(), form, name) for form, name in exact.items()]
        forms += [(form, None, name) for form, name in any_case.items()]  # type: ignore[misc]
        self._forms: list[tuple[bytes, bytes | None, str]] = sorted(forms, key=lambda form: form[0])
        self._lower = [form[0] for form in self._forms]
        self.longest = max(map(len, self._lower), default=0)
        heads: dict[bytes, list[tuple[bytes, bytes | None, str]]] = {}
        for form in self._forms:
            heads.setdefault(form[0][:_HEAD_BYTES], []).append(form)
        self._by_head = list(heads.values())
        self._heads = automaton(list(heads)) if heads else None

    def scan(self, text: bytes) -> tuple[list[tuple[int, int, str]], int | None]:
        """Start, end and name of every occurrence, overlapping ones too, and where the earliest unfinished one starts."""
        found: list[tuple[int, int, str]] = []
        if self._heads is None or not text:
            return found, None
        lower, size = text.lower(), len(text)
        begun = size
        for head, start, _ in self._heads.find_matches_as_indexes(lower, overlapping=True):
            for form, exact, name in self._by_head[head]:
                end = start + len(form)
                if end <= size:
                    if lower.startswith(form, start) and (exact is None or text.startswith(exact, start)):
                        found.append((start, end, name))
                elif start < begun and form.startswith(lower[start:]) and _begins(exact, text[start:]):
                    begun = start
        for start in range(max(0, size - _HEAD_BYTES + 1), begun):
            if self.beginning(text[start:]) is not None:
                return found, start
        return found, begun if begun < size else None

    def begun(self, text: bytes) -> int | None:
        """Where the earliest unfinished occurrence starts at the end of `text`."""
        base = max(0, len(text) - self.longest + 1)
        begun = self.scan(text[base:])[1]
        return None if begun is None else base + begun

    def beginning(self, piece: bytes) -> str | None:
        """The name of a pattern of which `piece` is the beginning, and not the whole."""
        lower = piece.lower()
        for at in range(bisect_left(self._lower, lower), len(self._lower)):
            form, exact, name = self._forms[at]
            if not form.startswith(lower):
                break
            if len(form) > len(piece) and _begins(exact, piece):
                return name
        return None


def _begins(exact: bytes | None, piece: bytes) -> bool:
    return exact is None or exact.startswith(piece)


class LiteralMatcher:
    """One reading of the stream, with as much of what was passed on as a secret may reach back."""

    def __init__(self, patterns: Patterns, context: bytes = b"") -> None:
        self.patterns = patterns
        self._reach = max(0, patterns.longest - 1)
        self.context = context[-self._reach :] if self._reach else b""

    def begun(self, text: bytes, popped: int = 0, *, shortest: int = SHORTEST_PIECE) -> Found | None:
        """The longest unfinished occurrence at the end of `text`, when what there is of it is long enough to be told."""
        context = self._remaining(popped)
        window, back = context + text, len(context)
        start = self.patterns.begun(window)
        name = None if start is None else self.patterns.beginning(window[start:])
        if start is None or name is None or len(window) - start < shortest:
            return None
        return Found(start - back, len(text), name)

    def search(self, text: bytes, popped: int = 0) -> tuple[list[Found], int | None]:
        """Occurrences that reach into `text`, and where an unfinished one starts; positions count from its first byte."""
        context = self._remaining(popped)
        window, back = context + text, len(context)
        occurrences, begun = self.patterns.scan(window)
        found = [Found(start - back, end - back, name) for start, end, name in occurrences if end > back]
        return found, None if begun is None or (begun >= back and not text) else begun - back

    def passed(self, text: bytes, popped: int = 0) -> None:
        """`text` was passed on."""
        if self._reach:
            self.context = (self._remaining(popped) + text[-self._reach :])[-self._reach :]

    def _remaining(self, popped: int) -> bytes:
        return self.context[: len(self.context) - popped] if popped else self.context
