"""The growth of a disk's usage and the estimated time until it is full, from the readings of this process."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

WINDOW = 1800.0
"""Seconds of history that count."""
SHORTEST = 20.0
"""Seconds of history below which nothing is said: a pace taken from two glances misleads."""


@dataclass(slots=True)
class Trend:
    """The recent history of bytes used on one file system."""

    points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=600))

    def add(self, at: float, used: int) -> None:
        """Take in a reading; `at` in seconds that never run backwards. What is older than the window is dropped."""
        self.points.append((at, used))
        while self.points and at - self.points[0][0] > WINDOW:
            self.points.popleft()

    @property
    def pace(self) -> float | None:
        """Bytes a second, by least squares; None while the history is too short."""
        if len(self.points) < 3 or self.points[-1][0] - self.points[0][0] < SHORTEST:
            return None
        count = len(self.points)
        middle_t = sum(t for t, _ in self.points) / count
        middle_u = sum(u for _, u in self.points) / count
        spread = sum((t - middle_t) ** 2 for t, _ in self.points)
        return sum((t - middle_t) * (u - middle_u) for t, u in self.points) / spread if spread else None

    def full_in(self, free: int) -> float | None:
        """Seconds until `free` bytes are gone at this pace; None when it does not grow or that is not known."""
        pace = self.pace
        return free / pace if pace is not None and pace > 1.0 else None


_trends: dict[str, Trend] = {}
_guard = threading.Lock()


def follow(key: str, at: float, used: int) -> Trend:
    """The trend of one file system of this process, with this reading taken in."""
    with _guard:
        trend = _trends.setdefault(key, Trend())
        trend.add(at, used)
        return Trend(deque(trend.points, maxlen=600))
