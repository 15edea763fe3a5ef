"""Three-way merge of documents: what people wrote since a document was generated stays when it is generated again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_OURS, _BETWEEN, _THEIRS = "<<<<<<< as people wrote it", "=======", ">>>>>>> as the journal says now"
_CONFLICT = re.compile(
    rf"^{re.escape(_OURS)}\n(?:.*\n)*?{re.escape(_BETWEEN)}\n(?:.*\n)*?{re.escape(_THEIRS)}$", re.MULTILINE
)
Lines = Sequence[str]


@dataclass(frozen=True, slots=True)
class Merge:
    """The merged text, and in how many places both sides changed the same lines."""

    text: str
    conflicts: int


def merge(base: str | None, mine: str, theirs: str) -> Merge:
    """Apply the changes from `base` to `theirs` to `mine`. Where both changed the same lines, both texts stay, marked.

    The marks are those of Git, so that editors know them. Without a base, everything that differs was changed by both.
    """
    own, new = _split(mine), _split(theirs)
    old = _common(own, new) if base is None else _split(base)
    merged: list[str] = []
    conflicts = 0
    before = (0, 0, 0)
    for begin, end, own_begin, new_begin in _unchanged(old, own, new):
        was, had, got = old[before[0] : begin], own[before[1] : own_begin], new[before[2] : new_begin]
        if had in (was, got):
            merged += got
        elif got == was:
            merged += had
        else:
            conflicts += 1
            merged += [_OURS, *had, _BETWEEN, *got, _THEIRS]
        merged += old[begin:end]
        before = (end, own_begin + end - begin, new_begin + end - begin)
    return Merge("\n".join(merged), conflicts)


def conflicts_in(text: str) -> int:
    """How many conflicts of a merge nobody has resolved."""
    return len(_CONFLICT.findall(text))


def has_conflict(text: str) -> bool:
    """Whether part of a conflict is left in a text that may be a part of a document."""
    return any(line in (_OURS, _THEIRS) for line in text.split("\n"))


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _blocks(one: Lines, other: Lines) -> list[tuple[int, int, int]]:
    """Runs of equal lines: where in each, and how long; the ends that are equal are not searched for."""
    shorter = min(len(one), len(other))
    head = next((n for n in range(shorter) if one[n] != other[n]), shorter)
    rest = shorter - head
    tail = next((n for n in range(rest) if one[-1 - n] != other[-1 - n]), rest)
    middle = SequenceMatcher(None, one[head : len(one) - tail], other[head : len(other) - tail], autojunk=False)
    between = [(head + a, head + b, size) for a, b, size in middle.get_matching_blocks() if size]
    return [(0, 0, head), *between, (len(one) - tail, len(other) - tail, tail)]


def _common(one: Lines, other: Lines) -> list[str]:
    return [line for begin, _, size in _blocks(one, other) for line in one[begin : begin + size]]


def _unchanged(old: Lines, own: Lines, new: Lines) -> Iterator[tuple[int, int, int, int]]:
    """Runs of lines of `old` that both sides kept: from, to, and where they begin in each; the end of all comes
    last."""
    mine, theirs = _blocks(old, own), _blocks(old, new)
    first = second = 0
    while first < len(mine) and second < len(theirs):
        (at, own_at, size), (begin, new_at, length) = mine[first], theirs[second]
        low, high = max(at, begin), min(at + size, begin + length)
        if low < high:
            yield low, high, own_at + low - at, new_at + low - begin
        if at + size < begin + length:
            first += 1
        else:
            second += 1
    yield len(old), len(old), len(own), len(new)
