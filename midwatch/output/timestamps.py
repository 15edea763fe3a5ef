"""The times of the parts of a step's output, read from the supervisor's file `output.timing`."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from pathlib import Path

from midwatch.incident.permissions import open_file

_ONE_READ = 4 * 1024 * 1024


class Timestamps:
    """Seconds after the step's start by byte of its output. Sixteen bytes of memory for each line of the file."""

    def __init__(self, path: Path) -> None:
        """The file need not be there yet."""
        self.path = path
        self._seconds, self._offsets = array("d"), array("Q")
        self._read, self._rest = 0, b""

    def refresh(self) -> None:
        """Take in what has come. A line that is not a time and a place is passed over."""
        try:
            with os.fdopen(open_file(self.path, os.O_RDONLY), "rb") as file:
                if os.fstat(file.fileno()).st_size < self._read:
                    self._seconds, self._offsets, self._read, self._rest = array("d"), array("Q"), 0, b""
                file.seek(self._read)
                data = file.read(_ONE_READ)
        except OSError:
            return
        self._read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            seconds, _, offset = line.partition(b" ")
            try:
                pair = float(seconds), int(offset)
            except ValueError:
                continue
            if 0 <= pair[1] < 2**63 and 0 <= pair[0] < 1e9 and (not self._offsets or pair[1] >= self._offsets[-1]):
                self._seconds.append(pair[0])
                self._offsets.append(pair[1])

    def at(self, offset: int) -> float | None:
        """Seconds after the start at which the byte at `offset` came, to about a hundredth; None while nothing is
        known."""
        found = bisect_right(self._offsets, offset) - 1
        return self._seconds[found] if found >= 0 else None
