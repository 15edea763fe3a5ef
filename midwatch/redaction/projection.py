"""A stream as a person reads it: without what a terminal hides, with the way back to the bytes."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_ESCAPE = (
    rb"(?:\x1b\[|\xc2\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    rb"|\x1b[\]PX^_][^\x07\x1b]{0,512}(?:\x07|\x1b\\)"  # OSC, DCS and the like, with what they carry
    rb"|\x1b[ -/]{0,4}[0-~]"
)
_HIDDEN = re.compile(_ESCAPE + rb"|[\r\n\x00]+")
_HIDDEN_OR_BACK = re.compile(_ESCAPE + rb"|[\r\n\x00]+|(\x08)")
_UNFINISHED = re.compile(rb"(?:\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[\]PX^_][^\x07\x1b]{0,512}\x1b?|[ -/]{0,4})?|\xc2)\Z")
_SPAN = 600
_PLAIN_DELETED = b"\r\n\x00"


@dataclass(frozen=True, slots=True)
class Projection:
    """What is read, and where each of its bytes came from."""

    text: bytes
    popped: int
    """Bytes of what was read before that backspaces took back."""
    _raw: bytes
    _kept: list[int] | None

    def raw_index(self, index: int) -> int:
        """Position in the raw bytes of one byte of the text."""
        if self._kept is not None:
            return self._kept[index]
        return _Removed.of(self._raw).raw_index(index)


@dataclass(frozen=True, slots=True)
class _Removed:
    starts: list[int]
    """Of each removed range: how many bytes of the text come before it."""
    totals: list[int]

    @classmethod
    def of(cls, raw: bytes) -> _Removed:
        starts, totals, total = [], [0], 0
        for match in _HIDDEN.finditer(raw):
            starts.append(match.start() - total)
            total += match.end() - match.start()
            totals.append(total)
        return cls(starts, totals)

    def raw_index(self, index: int) -> int:
        return index + self.totals[bisect_right(self.starts, index)]


def has_hidden(raw: bytes) -> bool:
    """Whether text may be hidden or taken back in these bytes, beyond line ends."""
    return b"\x1b" in raw or b"\x08" in raw or b"\xc2\x9b" in raw


def project(raw: bytes) -> Projection:
    """Without line ends, escape sequences and what backspaces took back."""
    if b"\x08" in raw:
        return _with_backspaces(raw)
    if has_hidden(raw):
        return Projection(_HIDDEN.sub(b"", raw), 0, raw, None)
    return Projection(raw.translate(None, _PLAIN_DELETED), 0, raw, None)


def _with_backspaces(raw: bytes) -> Projection:
    kept: list[int] = []
    popped = at = 0
    for match in _HIDDEN_OR_BACK.finditer(raw):
        kept.extend(range(at, match.start()))
        at = match.end()
        if match.group(1):
            while kept and raw[kept[-1]] & 0xC0 == 0x80:  # the last bytes of one UTF-8 character
                kept.pop()
            if kept:
                kept.pop()
            else:
                popped += 1
    kept.extend(range(at, len(raw)))
    return Projection(bytes(raw[i] for i in kept), popped, raw, kept)


def unfinished_escape(raw: bytes) -> int | None:
    """Where an escape sequence begins that is cut off by the end; None when none is."""
    match = _UNFINISHED.search(raw, max(0, len(raw) - _SPAN))
    return match.start() if match else None
