"""The progress of a step: taken out of its output (OSC 9;4) and stored in a separate file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from midwatch.incident.permissions import open_file

_WIDTH = 64
_LONGEST, _MOST = 96, 1e18
BYTES = "bytes"
"""The unit of amounts that are shown as sizes."""
UNPACKED = "unpacked"
"""The unit of sizes that count data before it is packed, so that they exceed what is written."""
_START = b"\x1b]9;4;"
# The usual form is `ESC ] 9 ; 4 ; STATE ; PERCENT` and its end; a step may add `; DONE ; TOTAL ; UNIT`.
_SEQUENCE = re.compile(
    rb"\x1b\]9;4;(\d)(?:;(\d{0,3}))?(?:;([0-9.e+]{1,24}))?(?:;([0-9.e+]{0,24}))?(?:;([a-z]{0,12}))?(?:\x07|\x1b\\)"
)
_PARTIAL = re.compile(rb"\x1b(?:\](?:9(?:;(?:4(?:;[0-9a-z;.+]*(?:\x1b)?)?)?)?)?)?\Z")
_CLEAR, _UNKNOWN_TOTAL = 0, 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far, in the step's own unit."""

    done: float
    total: float | None
    unit: str = ""
    """`bytes`, or what is counted, in the plural: `tables`; empty when the step does not say."""

    def __post_init__(self) -> None:
        """Raise `ValueError` for amounts that nobody means: steps write what they like."""
        if not all(0 <= amount <= _MOST for amount in (self.done, self.total or 0.0)):
            raise ValueError("an amount is from 0 to 1e18")


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
        state, percent, done, total, unit = match.groups()
        self.changed = True
        try:
            if int(state) == _CLEAR:
                self.latest = None
            elif done is not None:
                self.latest = Progress(float(done), float(total) if total else None, (unit or b"").decode())
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
            total = "-" if progress.total is None else format(progress.total, ".15g")
            text = f"{progress.done:.15g} {total} {progress.unit}"
        try:
            os.pwrite(self._descriptor, text.ljust(_WIDTH - 1).encode() + b"\n", 0)
        except OSError:
            return

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_progress(path: Path) -> Progress | None:
    """What the step last told; None when it has told nothing. `DONE TOTAL UNIT`, `-` for a total that is not known."""
    try:
        with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
            done, total, unit = [*file.read(_WIDTH).decode("ascii").split(), ""][:3]
        return Progress(float(done), None if total == "-" else float(total), unit)
    except (OSError, ValueError):
        return None
