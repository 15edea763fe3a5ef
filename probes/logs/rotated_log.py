"""A log with its newest rotation, and an account of what was looked at and what was not."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from midwatch.system.errors import Failed
from midwatch.system.expressions import LineSearch
from midwatch.system.log_rotations import PACKED_NAME, rotations_of
from midwatch.system.mounts import require_answer
from midwatch.system.units import counted
from probes.logs.log_tail import LogLine, is_cut, tail_lines

Pattern = re.Pattern[str] | LineSearch
_BATCH_LINES = 5_000
"""Lines that are held and searched together."""


@dataclass(slots=True)
class Coverage:
    """What was looked at, so that nothing found is worth something."""

    lines: int = 0
    files: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    """Files whose beginning was left out."""
    passed_over: list[str] = field(default_factory=list)
    """Files that were not read, or not to their end, with the reason."""

    def __str__(self) -> str:
        parts = [f"{counted(self.lines, 'line')} of {' and '.join(self.files) or 'no file'}"]
        if self.cut:
            parts.append(f"the beginning of {' and '.join(self.cut)} was not read")
        if self.passed_over:
            parts.append(f"passed over: {', '.join(self.passed_over)}")
        return "; ".join(parts)


def is_there(path: Path) -> bool:
    """Whether there is a log of this name, or a rotation of it."""
    return path.exists() or bool(rotations_of(path))


def read_log(path: Path, limit: int, coverage: Coverage) -> Iterator[LogLine]:
    """The lines of the newest rotation and then of the log itself, at most the last `limit` bytes of each.

    Raises `Failed` when the log cannot be read and when there is neither, `OutcomeUnknown` when the mount does not
    answer.
    """
    require_answer(path)
    rotations = rotations_of(path)
    yield from _rotation(rotations, limit, coverage)
    if path.exists() or not rotations:
        yield from _counted(path, limit, coverage)


def find_lines(
    path: Path,
    patterns: Sequence[Pattern],
    *,
    limit: int,
    newest: int,
    coverage: Coverage | None = None,
    unpack: bool = True,
) -> list[LogLine]:
    """The `newest` last lines within the last `limit` bytes that match a pattern, oldest first.

    Where the log itself gives too few, the end of its newest rotation comes before it; without `unpack`, of its newest
    one that is not compressed. Raises `Failed` when there is neither, `OutcomeUnknown` when their mount does not
    answer.
    """
    require_answer(path)
    coverage = Coverage() if coverage is None else coverage
    rotations = [rotated for rotated in rotations_of(path) if unpack or not PACKED_NAME.search(rotated.name)]
    found: list[LogLine] = []
    if path.exists() or not rotations:
        found = _matching(_counted(path, limit, coverage), patterns, newest)
    if len(found) < newest:
        found = [*_matching(_rotation(rotations, limit, coverage), patterns, newest - len(found)), *found]
    return found


def _rotation(rotations: list[Path], limit: int, coverage: Coverage) -> Iterator[LogLine]:
    """The newest rotation; what keeps it from being read is noted."""
    for rotated in rotations[:1]:
        try:
            yield from _counted(rotated, limit, coverage, follow=False)
        except Failed as error:
            coverage.passed_over.append(error.sentence)
    if rotations[1:]:
        coverage.passed_over.append(counted(len(rotations) - 1, "older rotation"))


def _counted(path: Path, limit: int, coverage: Coverage, *, follow: bool = True) -> Iterator[LogLine]:
    for line in tail_lines(path, limit, follow=follow):
        coverage.lines += 1
        yield line
    coverage.files.append(path.name)
    if is_cut(path, limit):
        coverage.cut.append(path.name)


def _matching(lines: Iterator[LogLine], patterns: Sequence[Pattern], newest: int) -> list[LogLine]:
    kept: deque[LogLine] = deque(maxlen=newest)
    while batch := list(itertools.islice(lines, _BATCH_LINES)):
        first: dict[int, int] = {}
        for index, pattern in enumerate(patterns):
            left = [place for place in range(len(batch)) if place not in first]
            found = _found_in([batch[place].text for place in left], pattern)
            first |= {place: index for place, hit in zip(left, found, strict=True) if hit}
        kept.extend(replace(batch[place], match=first[place]) for place in sorted(first))
    return list(kept)


def _found_in(texts: Sequence[str], pattern: Pattern) -> list[bool]:
    if isinstance(pattern, LineSearch):
        return pattern.found_in(texts)
    return [pattern.search(text) is not None for text in texts]
