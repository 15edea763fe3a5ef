"""The last word of this process's command line, as other processes see it: `/proc/PID/cmdline` shows its memory."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_ARGUMENTS_END = 46
"""The end of the arguments in memory, counted from field 3 of `/proc/self/stat` (field 49)."""


class ArgumentRoom:
    """Holds names that are no longer than the word was."""

    def __init__(self, word: str) -> None:
        """`word` is the last argument as the process got it. Raises `OSError`."""
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        self._length = len(os.fsencode(word))
        self._start = int(fields[_ARGUMENTS_END]) - self._length - 1
        self.put(b"")

    def put(self, name: bytes) -> None:
        """Let others read this name instead. Raises `ValueError` for one that is too long."""
        if len(name) > self._length:
            raise ValueError("The name is too long for the command line")
        ctypes.memmove(self._start, name.ljust(self._length, b"\0"), self._length)
