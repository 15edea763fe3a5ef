"""A program at the far end of a slow line: `python slow_line.py PROGRAM …`. Everything takes 0.3 s each way, in odd
pieces."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import select
import sys
import termios
import time
import tty
from collections import deque
from collections.abc import Iterable

DELAY, GAP = 0.3, 0.02
KEYS, LINES = itertools.cycle((1, 2, 1, 5, 3)), itertools.cycle((1, 97, 800, 13))
"""Bytes that arrive together: of what is typed, so that sequences are cut and keys gathered, and of what is shown."""


class Way:
    """One direction."""

    def __init__(self, source: int, target: int, sizes: Iterable[int], gap: float) -> None:
        self.source, self._target, self._sizes, self._gap = source, target, iter(sizes), gap
        self._under_way: deque[tuple[float, bytes]] = deque()

    def take(self) -> bool:
        """Whether there is still a source."""
        try:
            data = os.read(self.source, 65536)
        except OSError:
            return False
        due = max(time.monotonic() + DELAY, self._under_way[-1][0] if self._under_way else 0.0)
        while data:
            size = next(self._sizes)
            self._under_way.append((due, data[:size]))
            data, due = data[size:], due + self._gap
        return True

    def deliver(self, *, all: bool = False) -> float:
        """Deliver what is due; the seconds until something is."""
        while self._under_way and (all or self._under_way[0][0] <= time.monotonic()):
            os.write(self._target, self._under_way.popleft()[1])
        return max(self._under_way[0][0] - time.monotonic(), 0) if self._under_way else 60.0


def main() -> None:
    child, far = pty.fork()
    if child == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    fcntl.ioctl(far, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    before = termios.tcgetattr(0)
    tty.setraw(0)
    ways = [Way(0, far, KEYS, GAP), Way(far, 1, LINES, 0.0)]
    try:
        open_ = True
        while open_:
            wait = min(way.deliver() for way in ways)
            ready, _, _ = select.select([way.source for way in ways], [], [], wait)
            open_ = all(way.take() for way in ways if way.source in ready)
        ways[1].deliver(all=True)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
