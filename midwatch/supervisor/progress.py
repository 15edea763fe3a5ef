"""How far a step is: taken out of its output (OSC 9;4) and put into a file of its own."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from midwatch.incident.modes import open_file

_WIDTH = 64
_LONGEST = 96
_START = b"\x1b]9;4;"
# The usual form is `ESC ] 9 ; 4 ; STATE ; PERCENT` and its end; an action's console adds `; DONE ; TOTAL` in its own unit.
_SEQUENCE = re.compile(rb"\x1b\]9;4;(\d)(?:;(\d{0,3}))?(?:;([0-9.e+]{1,24}))?(?:;([0-9.e+]{1,24}))?(?:\x07|\x1b\\)")
_PARTIAL = re.compile(rb"\x1b(?:\](?:9(?:;(?:4(?:;[0-9;.e+]*(?:\x1b)?)?)?)?)?)?\Z")
_CLEAR, _UNKNOWN_TOTAL = 0, 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far, in the step's own unit."""

    done: float
    total: float | None


class ProgressFilter:
    """Takes progress sequences out of a stream of bytes, also those cut by a border between two reads."""

    def __init__(self) -> None:
        self._held = b""
        self.latest: Progress | None = None
        self.changed = False

    def feed(self, data: bytes) -> bytes:
        """What remains of the stream; at most one unfinished sequence is held back."""
        data = self._held + data
        self._held = b""
        if b"\x1b" not in data:
            return data
        if _START in data:
            data = _SEQUENCE.sub(self._take, data)
        partial = _PARTIAL.search(data, max(0, len(data) - _LONGEST))
        if partial:
            self._held = partial.group()
            data = data[: partial.start()]
        return data

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def _take(self, match: re.Match[bytes]) -> bytes:
        state, percent, done, total = match.groups()
        self.changed = True
        try:
            if int(state) == _CLEAR:
                self.latest = None
            elif done is not None:
                self.latest = Progress(float(done), float(total) if total is not None else None)
            elif int(state) != _UNKNOWN_TOTAL and percent:
                self.latest = Progress(min(float(percent), 100.0), 100.0)
        except ValueError:
            self.changed = False
        return b""


class ProgressFile:
    """The file `progress`: one line of fixed width, written over in place, so that a full disk does not matter."""

    def __init__(self, path: Path) -> None:
        """Create it. Raises `OSError`."""
        self._descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(self._descriptor, b" " * (_WIDTH - 1) + b"\n")

    def write(self, progress: Progress | None) -> None:
        """Replace it. Never raises: the step matters more."""
        text = ""
        if progress is not None:
            text = " ".join(format(number, ".15g") for number in (progress.done, progress.total) if number is not None)
        try:
            os.pwrite(self._descriptor, text.ljust(_WIDTH - 1).encode() + b"\n", 0)
        except OSError:
            return

    def close(self) -> None:
        os.close(self._descriptor)


def read_progress(path: Path) -> Progress | None:
    """What the step last told; None when it has told nothing. `DONE TOTAL`, or `DONE` alone when the total is not known."""
    try:
        with path.open("rb") as file:
            numbers = [float(word) for word in file.read(_WIDTH).split()]
    except (OSError, ValueError):
        return None
    return Progress(numbers[0], numbers[1] if len(numbers) > 1 else None) if numbers else None
