"""How much a step writes, and how fast: bytes over the last seconds, by a clock that never runs backwards."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from midwatch.units import size

WINDOW = 5.0
"""Seconds over which the rate is taken."""


class Flow:
    """The recent growth of one file."""

    def __init__(self) -> None:
        self._of: Path | None = None
        self._points: deque[tuple[float, int]] = deque(maxlen=64)

    def take(self, of: Path, at: float, written: int) -> None:
        """So many bytes were there at that time; another file begins anew."""
        if of != self._of or (self._points and written < self._points[-1][1]):
            self._of, self._points = of, deque(maxlen=64)
        if not self._points or at - self._points[-1][0] >= 0.25:
            self._points.append((at, written))
        while len(self._points) > 2 and at - self._points[0][0] > WINDOW:
            self._points.popleft()

    @property
    def rate(self) -> float:
        """Bytes a second; 0 while it cannot be told."""
        if len(self._points) < 2:
            return 0.0
        (began, first), (ended, last) = self._points[0], self._points[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def words(self, written: int, *, under_way: bool) -> str:
        """`72.4 MB, 31.0 MB/s`: the rate only of what still grows."""
        rate = self.rate if under_way else 0.0
        return size(written) + (f", {size(rate)}/s" if rate >= 1 else "")
