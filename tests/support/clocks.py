"""A clock that a test sets ahead."""

from __future__ import annotations

from datetime import datetime, timedelta

from midwatch.system.clock import SystemClock


class AheadClock(SystemClock):
    """The clocks of the machine, both ahead by as much as the test says."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()
