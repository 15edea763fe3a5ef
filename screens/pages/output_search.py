"""Searching a large output beside the loop: where the next match is, which of how many it is, the first error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.message_pump import MessagePump

from midwatch.output.index import MOST_COUNTED, OutputIndex
from screens.widgets.background import run_in_background

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


class Search:
    """One search at a time; the file is read by a reader of its own, which no other thread shares."""

    def __init__(self, pump: MessagePump) -> None:
        self._pump = pump
        self.busy = False

    def find(self, path: Path, term: str, start: int, *, backwards: bool, done: Callable[[Hit], None]) -> None:
        """The next line that holds the term; around the end once."""

        def look(output_index: OutputIndex) -> Hit:
            line = output_index.find(term, start, backwards=backwards) if 0 <= start < output_index.line_count else None
            around = line is None
            if around:
                line = output_index.find(term, output_index.line_count - 1 if backwards else 0, backwards=backwards)
            if line is None:
                return Hit(None)
            return Hit(line, *output_index.count(term, line), around=around)

        self._begin(path, look, done)

    def first_error(self, path: Path, done: Callable[[Hit], None]) -> None:
        """The first line that looks like an error."""
        self._begin(path, lambda output_index: Hit(output_index.search(ERROR, 0, longest=_LONGEST)), done)

    def _begin(self, path: Path, look: Callable[[OutputIndex], Hit], done: Callable[[Hit], None]) -> None:
        if self.busy:
            return
        self.busy = True

        def work() -> Hit:
            output_index = OutputIndex(path)
            while output_index.refresh():
                pass
            try:
                return look(output_index)
            finally:
                output_index.close()

        def ended(hit: Hit) -> None:
            self.busy = False
            done(hit)

        run_in_background(self._pump, work, ended, lambda _: ended(Hit(None)), name="search")
