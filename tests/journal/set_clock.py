"""What the tests of the journal share: a clock that is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

Write = Callable[..., Path]


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    time: datetime = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.seconds

    def on(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds
