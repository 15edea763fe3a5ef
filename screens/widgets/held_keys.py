"""Which keys a hand pressed on purpose: a key that is held repeats itself, and a repeat decides nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

REPEAT_S = 0.12
"""Two presses of one key closer than this are one press: keyboards repeat a held key every 25 to 95 ms."""
HELD_S = 1.0
"""A press of the same key within this time may be the first repeat of a held key: keyboards wait 250 to 660 ms for
it."""
QUIET_S = 0.5
"""A key that was held counts again after this time without the key."""


class Press(Enum):
    """What one arrival of a key is."""

    FRESH = "a press of its own"
    DOUBTFUL = "a press of its own unless the next repeat follows within REPEAT_S"
    REPEAT = "a repeat of a held key"


@dataclass(slots=True)
class _Times:
    before: float = -math.inf
    last: float = -math.inf


class HeldKeys:
    """Tells a press from the repeats of a held key, by when each key arrived. All times are of one monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self.arrivals = 0
        """Keys that arrived so far, repeats among them."""
        self._key = ""
        self._held = False
        self._times: dict[str, _Times] = {}

    def register(self, key: str, at: float) -> Press:
        """Take note of a key that arrived at this time."""
        self.arrivals += 1
        times = self._times.setdefault(key, _Times())
        gap = at - times.last
        chained = key == self._key and gap < HELD_S
        times.before, times.last, self._key = times.last, at, key
        if chained and (gap < REPEAT_S or (self._held and gap < QUIET_S)):
            self._held = True
            return Press.REPEAT
        self._held = False
        return Press.DOUBTFUL if chained else Press.FRESH

    @property
    def gap_s(self) -> float:
        """Seconds between the last two arrivals of the key that was pressed last."""
        times = self._times.get(self._key, _Times())
        return times.last - times.before if times.before > -math.inf else math.inf

    @property
    def rested_s(self) -> float:
        """Seconds since the last arrival of any key."""
        return self.now() - self._times.get(self._key, _Times()).last

    def pressed_since(self, when: float, *, but: str) -> bool:
        """Whether any other key than this one was pressed since then."""
        return any(times.last >= when for key, times in self._times.items() if key != but)
