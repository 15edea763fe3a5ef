"""The output file of a step: append-only and limited in size. Failures to write never stop the step."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path

from midwatch.incident.permissions import open_file

TAIL = 1024 * 1024
"""Bytes of the end that are kept when the limit was reached."""
_TIMING_EVERY = 0.01
_TROUBLE = {
    errno.ENOSPC: "the disk was full",
    errno.EDQUOT: "the quota was used up",
    errno.EROFS: "the disk was read-only",
}


class OutputFile:
    """Stores the redacted output with its timing. A write that fails is counted and said in the file once there is
    room.

    Above `limit` bytes the head stays, the last mebibyte is kept in memory and written at the end, the rest is counted.
    """

    def __init__(self, path: Path, timing: Path, limit: int) -> None:
        """Create both files. Raises `OSError`; a file that is there already means that the attempt was started
        before."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor = open_file(path, flags)
        self._timing = open_file(timing, flags)
        self._tail_size = min(TAIL, limit // 2)
        self._head_limit = limit - self._tail_size
        self._tail = bytearray()
        self._beyond = False
        self._cut = 0
        self._missing = 0
        self._reason = ""
        self._timed = -1.0
        self._digest = hashlib.sha256()
        self.stored = 0
        self.dropped = 0

    @property
    def sha256(self) -> str:
        """Of the file as it is."""
        return self._digest.hexdigest()

    def write(self, data: bytes, seconds: float) -> None:
        """Append what came `seconds` after the start. Never raises."""
        if not data:
            return
        if not self._beyond:
            room = self._head_limit - self.stored
            head, data = data[:room], data[room:]
            self._store(head, seconds)
            self._beyond = bool(data)
        if data:
            self._tail += data
            if len(self._tail) > 2 * self._tail_size:
                self._cut_tail()

    def finish(self, seconds: float) -> None:
        """Append the kept tail and put all on disk. Never raises."""
        self._cut_tail()
        if self._cut:
            self.dropped += self._cut
            self._store(f"\n[midwatch: {self._cut} bytes of output left out here, above the limit]\n".encode(), seconds)
        self._store(bytes(self._tail), seconds)
        self._tail.clear()
        if self._missing:
            self._say_missing()
        for descriptor in (self._descriptor, self._timing):
            if self.stored:
                with contextlib.suppress(OSError):
                    os.fdatasync(descriptor)
            os.close(descriptor)

    def _cut_tail(self) -> None:
        surplus = len(self._tail) - self._tail_size
        if surplus > 0:
            del self._tail[:surplus]
            self._cut += surplus

    def _store(self, data: bytes, seconds: float) -> None:
        if not data:
            return
        if self._missing and not self._say_missing():
            self._miss(len(data), self._reason)
            return
        self._time(seconds)
        view = memoryview(data)
        while view:
            try:
                count = os.write(self._descriptor, view)
            except OSError as error:
                self._miss(len(view), _TROUBLE.get(error.errno or 0, (error.strerror or "error").lower()))
                return
            self._digest.update(view[:count])
            self.stored += count
            view = view[count:]

    def _say_missing(self) -> bool:
        """Say in the file how much is missing; False while there is no room even for that."""
        note = f"\n[midwatch: {self._missing} bytes of output not stored here: {self._reason}]\n".encode()
        if not self._whole(note):
            return False
        self._missing = 0
        return True

    def _miss(self, count: int, reason: str) -> None:
        self.dropped += count
        self._missing += count
        self._reason = reason

    def _whole(self, note: bytes) -> bool:
        """Append all of it or nothing."""
        try:
            if os.write(self._descriptor, note) == len(note):
                self._digest.update(note)
                self.stored += len(note)
                return True
            os.ftruncate(self._descriptor, self.stored)
        except OSError:
            pass
        return False

    def _time(self, seconds: float) -> None:
        if seconds - self._timed < _TIMING_EVERY:
            return
        self._timed = seconds
        with contextlib.suppress(OSError):  # the timing is a comfort; the output goes before it
            size = os.fstat(self._timing).st_size
            line = f"{seconds:.3f} {self.stored}\n".encode()
            if os.write(self._timing, line) != len(line):
                os.ftruncate(self._timing, size)
