"""One bar for several dumps that run side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable

Progress = Callable[[float, float | None], None]


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
