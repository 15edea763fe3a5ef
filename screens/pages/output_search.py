"""Searching a large output beside the loop: where the next match is, which of how many it is, the first error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from midwatch.output.index import OutputIndex
from midwatch.output.search import MOST_COUNTED, count_matches, find_expression, find_text

ERROR = re.compile(rb"\b(?:ERROR|FAILURE|FATAL|CRITICAL|PANIC|Traceback|[Ee]rror:|fatal:|[Ff]ailed\b)")
"""What the first error is known by: the plan's marks, and what PostgreSQL, Python and shells write."""
_LONGEST = 16


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a search has come to."""

    line: int | None
    number: int = 0
    """Which match it is; 0 for one that was not counted."""
    of: int = 0
    around: bool = False
    """Whether it went on at the other end of the file."""

    def words(self, term: str) -> str:
        """For the operator: `3 of 128, around the end`."""
        if self.line is None:
            return f"{term}: not found" if term else "no error found"
        if not self.of:
            return f"first error, line {self.line + 1}"
        more = "+" if self.of >= MOST_COUNTED else ""
        return f"{self.number} of {self.of}{more}" + (", around the end" if self.around else "")


def find_line(path: Path, term: str, start: int, *, backwards: bool) -> Hit:
    """The next line that holds the term; around the end once."""
    with _whole(path) as output_index:
        line = (
            find_text(output_index, term, start, backwards=backwards) if 0 <= start < output_index.line_count else None
        )
        around = line is None
        if around:
            line = find_text(output_index, term, output_index.line_count - 1 if backwards else 0, backwards=backwards)
        return Hit(None) if line is None else Hit(line, *count_matches(output_index, term, line), around=around)


def first_error(path: Path) -> Hit:
    """The first line that looks like an error."""
    with _whole(path) as output_index:
        return Hit(find_expression(output_index, ERROR, 0, longest=_LONGEST))


@contextmanager
def _whole(path: Path) -> Iterator[OutputIndex]:
    """The file by a reader of its own, which no other thread shares."""
    output_index = OutputIndex(path)
    try:
        while output_index.refresh():
            pass
        yield output_index
    finally:
        output_index.close()
