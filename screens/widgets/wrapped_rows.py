"""The rows of lines that are broken at the width of a view; only rows in view are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from textual.content import Content

Position: TypeAlias = tuple[int, int]
"""A line, and a row of it."""


class WrappedRows:
    """Breaks the lines from 0 to `count`, and moves by their rows."""

    def __init__(self, broken: Callable[[int], list[Content]], count: int) -> None:
        """`broken` gives the rows of a line, at least one."""
        self._broken, self._count = broken, count
        self._known: dict[int, list[Content]] = {}

    def of(self, line: int) -> list[Content]:
        """The rows of one line."""
        if line not in self._known:
            self._known[line] = self._broken(line)
        return self._known[line]

    def rows(self, start: Position, height: int) -> list[Content]:
        """The rows from this position on, as many as there are up to the height."""
        line, row = start
        found: list[Content] = []
        while len(found) < height and line < self._count:
            found += self.of(line)[row:]
            line, row = line + 1, 0
        return found[:height]

    def moved(self, start: Position, rows: int, height: int) -> Position:
        """The position so many rows further down, or up, but not further than the end, which then is in the last
        row."""
        line, row = start
        row += rows
        while row < 0 and line > 0:
            line -= 1
            row += len(self.of(line))
        while line < self._count and row >= len(self.of(line)):
            row -= len(self.of(line))
            line += 1
        return min((line, max(row, 0)), self.end(height))

    def end(self, height: int) -> Position:
        """The position from which the last row is at the bottom."""
        line, left = self._count, height
        while line > 0 and left > 0:
            line -= 1
            left -= len(self.of(line))
        return (line, max(-left, 0)) if self._count else (0, 0)
