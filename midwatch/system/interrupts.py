"""Ctrl+C that takes effect only where nothing is half done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """While entered, the first SIGINT raises `KeyboardInterrupt` only within `allowed`; a second one raises it at once.

    Python raises `KeyboardInterrupt` between any two instructions: in a write of the journal it would leave an event on
    the disk that the writer does not know of. To be entered in the main thread.
    """

    def __init__(self) -> None:
        self._came = self._is_allowed = False

    def __enter__(self) -> Interrupts:
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Here nothing is half done: an interrupt takes effect, also one that came before."""
        self._is_allowed = True
        try:
            if self._came:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_allowed = False

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        again, self._came = self._came, True
        if again or self._is_allowed:
            raise KeyboardInterrupt
