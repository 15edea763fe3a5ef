"""The recent rate of a growing amount, measured by a monotonic clock, and the progress of a step as text."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from midwatch.supervisor.progress import BYTES, UNPACKED, Progress
from midwatch.system.units import duration, size

PACE = 30.0
"""Seconds over which the pace of a step is taken: long enough to be calm, short enough to tell of now."""
STALLED = 15.0
"""Seconds without any growth after which a step that tells its progress is said to stand still."""
_WORTH_WORDS = 10 * 86400.0
"""Seconds from which on what is left is no figure to go by."""
_SIZES = (BYTES, UNPACKED)
_SETTLED = 3.0
"""Seconds of growth from which on what is left can be told."""


class RateMeter:
    """The recent growth of one thing: the bytes of a file, or what a step tells of itself."""

    def __init__(self, window: float = 5.0) -> None:
        """`window`: the seconds over which the rate is taken."""
        self._window = window
        self._of: Path | None = None
        self._points: deque[tuple[float, float]] = deque()
        self._last = (0.0, 0.0)
        self._grew = 0.0

    def take(self, of: Path, at: float, amount: float) -> None:
        """So much was there at that time; another thing begins anew, as does one that has shrunk."""
        if of != self._of or amount < self._last[1]:
            self._of, self._grew = of, at
            self._points.clear()
        elif amount > self._last[1]:
            self._grew = at
        self._last = (at, amount)
        if not self._points or at - self._points[-1][0] >= self._window / 20:
            self._points.append((at, amount))
        while len(self._points) > 2 and at - self._points[1][0] >= self._window:
            self._points.popleft()

    @property
    def seconds(self) -> float:
        """Over how long the rate is taken so far."""
        return self._points[-1][0] - self._points[0][0] if self._points else 0.0

    @property
    def rate(self) -> float:
        """Growth a second; 0 while it cannot be told."""
        if len(self._points) < 2:
            return 0.0
        (began, first), (ended, last) = self._points[0], self._points[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    @property
    def still(self) -> float:
        """Seconds since it last grew."""
        return self._last[0] - self._grew

    def words(self, written: int, *, under_way: bool) -> str:
        """`72.4 MB, 31.0 MB/s`: the rate only of what still grows."""
        rate = self.rate if under_way else 0.0
        return size(written) + (f", {size(rate)}/s" if rate >= 1 else "")


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a step is, as it tells itself, and how that goes on."""

    told: Progress | None = None
    rate: float = 0.0
    """In the step's unit, a second; 0 while it cannot be told."""
    still: float = 0.0
    """Seconds since it last went on."""
    output: int = 0
    """Bytes of its output."""

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where the step tells no total."""
        if self.told is None or not self.told.total:
            return None
        return min(max(self.told.done / self.told.total, 0.0), 1.0)

    @property
    def stalled(self) -> bool:
        """Whether it tells its progress and has not gone on for a while."""
        return self.told is not None and self.still >= STALLED and self.share != 1

    def words(self) -> list[str]:
        """`72.0 of 124 MB`, `31.0 MB/s`, `about 20 s left`; a stall in place of the last two."""
        told = self.told
        if told is None:
            return []
        words = [_amount(told)] if told.unit or told.total is None else []
        if self.stalled:
            return [*words, f"has not gone on for {duration(self.still // 5 * 5)}"]
        if told.unit in _SIZES and self.rate >= 1:
            words.append(f"{size(self.rate)}/s")
        if told.total and told.done < told.total and self.rate * _WORTH_WORDS > told.total - told.done:
            words.append(f"about {duration(_calm((told.total - told.done) / self.rate))} left")
        return words


def advance(told: Progress | None, pace: RateMeter, of: Path, at: float, output: int = 0) -> Advance:
    """What is known now; `pace` remembers what was told before, `of` is the file that tells it."""
    if told is None:
        return Advance(output=output)
    pace.take(of, at, told.done)
    return Advance(told, pace.rate if pace.seconds >= _SETTLED else 0.0, pace.still, output)


def _amount(told: Progress) -> str:
    if told.unit not in _SIZES:
        done = f"{told.done:,.0f}".replace(",", " ")
        head = f"{told.unit} {done}" if told.unit else done
        return f"{head} of {told.total:,.0f}".replace(",", " ") if told.total else f"{head} so far"
    done, kind = size(told.done), " unpacked" * (told.unit == UNPACKED)
    if told.total is None:
        return f"{done}{kind} so far"
    total = size(told.total)
    number, _, unit = done.partition(" ")
    return f"{number if unit == total.partition(' ')[2] else done} of {total}{kind}"


def _calm(seconds: float) -> float:
    """Rounded so that it does not change with every look."""
    step = 1 if seconds < 10 else 5 if seconds < 60 else 10 if seconds < 600 else 60
    return max(round(seconds / step) * step, 1)
