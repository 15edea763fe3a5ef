"""What a figure was: readings with their times, kept in memory, bounded, and thinned out where they are old."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime

MOST = 480
"""Readings that are kept of one figure. When they are full, every second one of the older half goes."""
STILL = 10.0
"""Seconds between two pictures of a young history: each new reading moves the whole of it, which a slow line feels.
When it has grown so long that ten seconds are hardly to be seen in the picture, they are twice as many, and so on."""
_SAME = 1e-3
"""Seconds within which two times count as the same."""
_SEEN = 50
"""What is seen of a picture: so many parts of its time, two cells each."""


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One figure over time, oldest first. Never changed in place: the screen may be drawing it."""

    points: tuple[tuple[datetime, float], ...] = ()
    unit: str = ""

    def taking(self, at: datetime, value: float, unit: str) -> TimeSeries:
        """With one reading more; a figure in another unit is another figure."""
        points = self.points if unit == self.unit else ()
        points = (*points, (at, value))
        if len(points) > MOST:
            half = len(points) // 2
            points = (*points[:half:2], *points[half:])
        return TimeSeries(points, unit)

    @property
    def still(self) -> TimeSeries:
        """As it was at the last full ten seconds (twenty, forty …), once there is enough of it."""
        oldest, newest = (self.points[0][0].timestamp(), self.points[-1][0].timestamp()) if self.points else (0.0, 0.0)
        still = STILL
        while still < (newest - oldest) / _SEEN:
            still *= 2
        until = tuple(point for point in self.points if point[0].timestamp() <= newest // still * still)
        if len(until) < 3 or newest - until[-1][0].timestamp() >= still:
            return self
        return TimeSeries(until, self.unit)

    def curve(self, count: int) -> list[float]:
        """`count` values at even distances over the whole time, for a small curve; fewer when there are fewer."""
        if len(self.points) <= count:
            return [value for _, value in self.points]
        times = [at.timestamp() for at, _ in self.points]
        step = (times[-1] - times[0]) / (count - 1)
        return [self.points[max(bisect_right(times, times[0] + n * step + _SAME) - 1, 0)][1] for n in range(count)]
