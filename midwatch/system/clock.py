"""The two clocks: wall-clock time in UTC for moments, and boot time for durations. Tests inject their own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """The time of day, in UTC, with its zone."""
        ...

    def monotonic(self) -> float:
        """Seconds that never decrease and include suspend (CLOCK_BOOTTIME); for durations only."""
        ...


class SystemClock:
    """The clocks of the machine."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds since boot, including suspend."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def file_timestamp(moment: datetime) -> str:
    """Format a moment for file names: `20261123-021407`, UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%d-%H%M%S")


def to_rfc3339(moment: datetime) -> str:
    """Format a moment as RFC 3339 with microseconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_rfc3339(text: str) -> datetime:
    """Parse the result of `to_rfc3339`. Raises `ValueError`."""
    return datetime.fromisoformat(text)
