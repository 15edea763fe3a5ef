"""A Textual driver for terminals whose connection may be lost."""

from __future__ import annotations

import errno
import os
import select
from codecs import getincrementaldecoder, register_error
from collections.abc import Callable
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING

from rich.cells import cell_len
from textual.drivers.linux_driver import LinuxDriver

from tui.pastes import Pastes

if TYPE_CHECKING:
    from textual.app import App


_LOOKS, _SOON = 0.1, 0.02
"""Seconds between two looks whether the screen ends; and while an Escape may be one."""

LACKING = "midwatch.lacking"
"""The handler of characters that the encoding of the terminal lacks."""


def _in_as_many_cells(error: UnicodeError) -> tuple[str, int]:
    """What a terminal whose encoding lacks a character is sent instead: as wide as the character would be."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "?" * cell_len(error.object[error.start : error.end]), error.end


register_error(LACKING, _in_as_many_cells)


class HangupDriver(LinuxDriver):
    """Textual's own driver, which ends the screen when its terminal is gone.

    A hang-up signal alone is not enough: the kernel sends it to the session's leader, and `make`, for one, keeps it to
    itself. Then the thread that writes would die of its first error, and the queue before it would block the screen for
    ever.
    """

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        if self._file is not None:
            if isinstance(self._file, TextIOWrapper):
                self._file.reconfigure(errors=LACKING)
            self._file = _Line(self._file, self._lost)  # type: ignore[assignment]

    @property
    def hung_up(self) -> bool:
        """Whether there is no terminal at the other end any more. Looks, and never waits."""
        poll = select.poll()
        poll.register(self.fileno, 0)
        return bool(poll.poll(0))

    def run_input_thread(self) -> None:
        """Read what is typed until the screen ends or the line is lost. A byte that is no UTF-8 is no reason to end."""
        typed, decode = Pastes(self._debug), getincrementaldecoder("utf-8")("replace").decode
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        while not self.exit_event.is_set():
            if poll.poll((_SOON if typed.waits else _LOOKS) * 1000):
                try:
                    data = os.read(self.fileno, 4096)
                except OSError:
                    data = b""
                if not data:
                    return
                for message in typed.feed(decode(data)):
                    self.process_message(message)
            for message in typed.tick():
                self.process_message(message)

    def _lost(self) -> None:
        self._loop.call_soon_threadsafe(self._app.exit, False)


class _Line:
    """What is written after the terminal has gone is dropped."""

    def __init__(self, file: IO[str], lost: Callable[[], None]) -> None:
        self._file, self._lost, self._gone = file, lost, False

    def write(self, text: str) -> None:
        if not self._gone:
            self._try(lambda: self._file.write(text))

    def flush(self) -> None:
        if not self._gone:
            self._try(self._file.flush)

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return True

    def _try(self, call: Callable[[], object]) -> None:
        try:
            call()
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE, errno.ENXIO, errno.EBADF):
                raise
            self._gone = True
            self._lost()
