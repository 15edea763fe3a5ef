"""The growth of a disk's usage and the estimated time until it is full, from the readings of this process."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

WINDOW = 1800.0
"""Seconds of history that count."""
SHORTEST = 20.0
"""Seconds of history below which nothing is said: a pace taken from two glances misleads."""
REACH = 24.0
"""How many times the length of the history a forecast may reach ahead: half an hour tells of twelve."""
STRAIGHT = 0.9
"""The share of the changes that a straight line has to explain (R²): noise and a single write are no growth."""


@dataclass(slots=True)
class Trend:
    """The recent history of bytes used on one file system."""

    points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=600))
    window: float = WINDOW

    def add(self, at: float, used: int) -> None:
        """Take in a reading; `at` in seconds that never run backwards. What is older than the window is dropped."""
        self.points.append((at, used))
        while self.points and at - self.points[0][0] > self.window:
            self.points.popleft()

    @property
    def pace(self) -> float | None:
        """Bytes a second, by least squares; None while the history is too short."""
        if len(self.points) < 3 or self._seconds < SHORTEST:
            return None
        spread, together, _ = self._spreads()
        return together / spread if spread else None

    @property
    def is_growing(self) -> bool:
        """Whether it grows steadily by more than a byte a second."""
        pace = self.pace
        if pace is None or pace <= 1.0:
            return False
        spread, together, changes = self._spreads()
        return together**2 >= STRAIGHT * spread * changes

    def full_in(self, free: int) -> float | None:
        """Seconds until `free` bytes are gone at this pace; None when it does not grow steadily, or when that is
        further ahead than the history can tell."""
        pace = self.pace
        seconds = free / pace if pace is not None and self.is_growing else None
        return seconds if seconds is not None and seconds <= REACH * self._seconds else None

    @property
    def _seconds(self) -> float:
        return self.points[-1][0] - self.points[0][0]

    def _spreads(self) -> tuple[float, float, float]:
        """How the times vary, the times with the bytes, and the bytes: sums of squares about the middle."""
        count = len(self.points)
        middle_t, middle_u = (sum(values) / count for values in zip(*self.points, strict=True))
        apart = [(t - middle_t, u - middle_u) for t, u in self.points]
        return sum(t * t for t, _ in apart), sum(t * u for t, u in apart), sum(u * u for _, u in apart)


_trends: dict[str, Trend] = {}
_guard = threading.Lock()


def follow(key: str, at: float, used: int) -> Trend:
    """The trend of one file system of this process, with this reading taken in."""
    with _guard:
        trend = _trends.setdefault(key, Trend())
        trend.add(at, used)
        return Trend(deque(trend.points, maxlen=600))
