"""Journals that go on in other files."""

from __future__ import annotations

import resource
from pathlib import Path

from midwatch.incident.events import Event, EventKind
from midwatch.journal.writer import Journal
from tests.journal.set_clock import SetClock

LONG = {"text": "x" * 20_000}


def begun(path: Path, second: Path | None, clock: SetClock) -> Journal:
    """A journal that has named its places."""
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("incident.declared", {"id": "INC"})
    journal.name_fallbacks(second)
    return journal


def moved(journal: Journal) -> Event:
    """Append until it goes on elsewhere; the event that says so."""
    while journal.away is None:
        journal.append("note", LONG)
    return next(event for event in reversed(journal.events) if event.kind == EventKind.JOURNAL_FAILED_OVER)


class limited_to:  # noqa: N801 - reads as what it is
    """No file may grow beyond so many bytes."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __enter__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)
