"""A pipe from a writing thread to a reading thread, which holds at most a few megabytes in memory."""

from __future__ import annotations

import io
import threading
from collections import deque

AHEAD = 4 << 20
"""Bytes that the writer may be ahead of the reader."""


class BytePipe(io.RawIOBase):
    """A file to its reader; its writer calls `pass_on` and then `end`, or `fail`, which no reader takes for the end."""

    def __init__(self, ahead: int = AHEAD) -> None:
        super().__init__()
        self._ahead, self._held = ahead, 0
        self._pieces: deque[memoryview] = deque()
        self._ended, self._gone = False, False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def readable(self) -> bool:
        """Return True, as `io.RawIOBase` asks."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any writable buffer
        """What there is, once there is something; 0 at the end. Raises what the writer failed with."""
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._ended or self._error is not None)
            if self._error is not None:
                raise self._error
            if not self._pieces:
                return 0
            piece, room = self._pieces[0], memoryview(buffer).cast("B")
            count = min(len(piece), len(room))
            room[:count] = piece[:count]
            if count == len(piece):
                self._pieces.popleft()
            else:
                self._pieces[0] = piece[count:]
            self._held -= count
            self._changed.notify_all()
            return count

    def pass_on(self, data: bytes) -> None:
        """Wait until there is room, and leave it there. Raises `BrokenPipeError` once the reader has closed its end."""
        if not data:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._held < self._ahead or self._gone)
            if self._gone:
                raise BrokenPipeError("nobody reads on")
            self._pieces.append(memoryview(data))
            self._held += len(data)
            self._changed.notify_all()

    def end(self) -> None:
        """That was all."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """There is no end: whoever reads gets the error, at once."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """From here on nobody reads."""
        with self._changed:
            self._gone = True
            self._pieces.clear()
            self._changed.notify_all()
        super().close()
