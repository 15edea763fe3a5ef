"""The progress of a dump, as a bar and as occasional text; parallel dumps share one bar."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from actions.dump.size_estimate import SizeEstimate
from midwatch.api.action import Console
from midwatch.output.progress import PACE, RateMeter, advance
from midwatch.supervisor.progress import BYTES, UNPACKED
from midwatch.supervisor.progress import Progress as Told
from midwatch.system.units import duration, percent

Progress = Callable[[float, float | None], None]
OLD = 600.0
"""Seconds from which the age of the snapshot is told, and again after as many."""
WORDS = 30.0
"""Seconds between two lines that say how far it is, for whoever reads along without a bar."""
_LOOK = 1.0
"""Seconds between two looks at the pace."""


def in_bytes(console: Console) -> Progress:
    """The console's progress for what is counted in bytes."""
    return lambda done, total: console.progress(done, total, BYTES)


def in_unpacked_bytes(console: Console) -> Progress:
    """The console's progress for the bytes of a dump before they are packed."""
    return lambda done, total: console.progress(done, total, UNPACKED)


class Watching:
    """Passes progress on with the total that is expected, and says from time to time how far and how old the dump
    is."""

    def __init__(self, progress: Progress, forecast: SizeEstimate, say: Callable[[str], None]) -> None:
        self._progress, self._forecast, self._say = progress, forecast, say
        self._began = time.monotonic()
        self._old, self._words, self._look = OLD, WORDS, 0.0
        self._pace, self._of = RateMeter(PACE), Path("dump")

    def __call__(self, done: int) -> None:
        """So many bytes of the dump are there."""
        total = self._forecast.total(done)
        self._progress(done, total)
        age = time.monotonic() - self._began
        if age < self._look:
            return
        self._look = age + _LOOK
        how_far = advance(Told(done, total, UNPACKED), self._pace, self._of, age)
        if age >= self._words:
            self._words = age + WORDS
            share = percent(100 * how_far.share) if how_far.share is not None else ""
            self._say(", ".join(part for part in (share, *how_far.words(), self._forecast.words) if part))
        if age >= self._old:
            self._old = age + OLD
            self._say(f"The dump's snapshot is {duration(age)} old: until it ends, vacuum cannot remove what is newer")

    def ended(self, done: int) -> None:
        """All of the dump is there."""
        self._progress(done, done)


class Together:
    """Adds up what each of `count` parts tells, and passes the sum on; from any thread."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress = progress
        self._told: list[tuple[float, float | None]] = [(0.0, None)] * count
        self._lock = threading.Lock()

    def part(self, number: int) -> Progress:
        """What the part with this number, from 0, tells its progress to."""

        def tell(done: float, total: float | None) -> None:
            with self._lock:
                self._told[number] = (done, total)
                totals = [one[1] for one in self._told]
                known = None if None in totals else sum(total for total in totals if total is not None)
                self._progress(sum(one[0] for one in self._told), known)

        return tell
