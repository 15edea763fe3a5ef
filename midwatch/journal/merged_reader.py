"""Merges the lines of all files of a journal, each line once, for `verify` and for the next driver."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.incident.events import Event, EventKind
from midwatch.journal.codec import decode
from midwatch.journal.fallback import Home, open_fallback
from midwatch.journal.fallback_locations import named_files
from midwatch.journal.reader import Stored, opened, stored_lines


@dataclass(slots=True)
class MergedJournal:
    """The complete lines of a journal in their order."""

    lines: list[Stored] = field(default_factory=list)
    home: int = 0
    """How many of them stand in the journal's own file."""
    elsewhere: list[tuple[Path, int]] = field(default_factory=list)
    """The other files that are there, and where their last line ends; those with later events come later."""
    problem: str = ""
    """Two files that tell different events under one number; `lines` ends before it."""

    @property
    def moved_to(self) -> Path | None:
        """Where the journal went, by its last word on that; None when it never left or is back."""
        last = next((event for event in map(_moving, reversed(self.lines)) if event is not None), None)
        return (
            Path(str(last.body.get("to", "")))
            if last is not None and last.kind == EventKind.JOURNAL_FAILED_OVER
            else None
        )

    @property
    def missing(self) -> Path | None:
        """The file in which it goes on, when that is not there."""
        to = self.moved_to
        return to if to is not None and to not in dict(self.elsewhere) else None


def merge_files(path: Path) -> MergedJournal:
    """Read the journal's own file, then every file that its events name. Raises `OSError` for its own file only."""
    descriptor = opened(path)
    home = Home.of(descriptor)
    found = MergedJournal(lines=_lines(descriptor))
    found.home = len(found.lines)
    known: set[Path] = set()
    while fresh := [
        file for file in named_files(_naming(found.lines), path.parent.name).values() if file.path not in known
    ]:
        known.update(file.path for file in fresh)
        others = []
        for file in fresh:
            with contextlib.suppress(OSError):
                lines = _lines(open_fallback(file, home))
                if not lines or not 0 < _seq(lines[0]) <= file.after:
                    others.append((file.path, lines))
        for other, lines in sorted(others, key=lambda item: _seq(item[1][0]) if item[1] else 0):
            found.elsewhere.append((other, next((line.end for line in reversed(lines) if _seq(line)), 0)))
            _splice(found, path, other, lines)
    return found


def _splice(found: MergedJournal, path: Path, file: Path, lines: list[Stored]) -> None:
    """Let the lines of another file follow; what stands in both has to be the same, but for a torn end of the first."""
    first = _seq(lines[0]) if lines else 0
    at = first - 1 if 0 < first <= len(found.lines) else len(found.lines)
    for index, line in enumerate(lines):
        if at + index >= len(found.lines):
            found.lines += lines[index:]
            return
        if found.lines[at + index].data != line.data:
            torn = at + index == len(found.lines) - 1 and not _seq(found.lines[-1])
            if not torn:
                found.problem = found.problem or (
                    f"event {first + index} is there twice, and differs: in {path.name} and in {file}"
                )
            del found.lines[at + index :]
            found.home = min(found.home, at + index)
            if torn:
                found.lines += lines[index:]
            return


def _lines(descriptor: int) -> list[Stored]:
    """All of an open file, which is closed then."""
    try:
        return list(stored_lines(descriptor))
    finally:
        os.close(descriptor)


def _seq(line: Stored) -> int:
    try:
        return decode(line.data)[0].seq
    except ValueError:
        return 0


def _naming(lines: Iterable[Stored]) -> Iterable[Event]:
    for line in lines:
        if b'"kind":"journal.fallbacks"' in line.data:
            with contextlib.suppress(ValueError):
                yield decode(line.data)[0]


def _moving(line: Stored) -> Event | None:
    if b'"kind":"journal.' in line.data:
        with contextlib.suppress(ValueError):
            event, _ = decode(line.data)
            if event.kind in (
                EventKind.JOURNAL_FAILED_OVER,
                EventKind.JOURNAL_FAILED_BACK,
                EventKind.JOURNAL_FALLBACK_LOST,
            ):
                return event
    return None
