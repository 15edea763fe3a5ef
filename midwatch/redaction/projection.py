"""A stream as a person reads it: without what a terminal hides, with the way back to the bytes."""

from __future__ import annotations

import re
from bisect import bisect_right

_ESCAPE = (
    rb"(?:\x1b\[|\xc2\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    rb"|\x1b[\]PX^_][^\x07\x1b]{0,512}(?:\x07|\x1b\\)"  # OSC, DCS and the like, with what they carry
    rb"|\x1b[ -/]{0,4}[0-~]"
)
_HIDDEN = re.compile(_ESCAPE + rb"|[\r\n\x00]+")
_HIDDEN_OR_BACK = re.compile(_ESCAPE + rb"|[\r\n\x00]+|(\x08)")
_UNFINISHED = re.compile(rb"(?:\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[\]PX^_][^\x07\x1b]{0,512}\x1b?|[ -/]{0,4})?|\xc2)\Z")
_SPAN = 600
_NEAR = 8192
_PLAIN_DELETED = b"\r\n\x00"


class Projection:
    """What is read, and where each of its bytes came from."""

    def __init__(self, text: bytes, raw: bytes, *, plain: bool = False, kept: list[int] | None = None, popped: int = 0) -> None:
        self.text = text
        self.popped = popped
        """Bytes of what was read before that backspaces took back."""
        self._raw, self._plain, self._kept = raw, plain, kept
        self._starts: list[int] = []
        self._totals: list[int] = []

    def raw_index(self, index: int) -> int:
        """Position in the raw bytes of one byte of the text."""
        if self._kept is not None:
            return self._kept[index]
        if self._plain and len(self.text) - index <= _NEAR:
            return self._from_the_end(len(self.text) - index)
        if not self._totals:
            self._list_removed()
        return index + self._totals[bisect_right(self._starts, index)]

    def _from_the_end(self, wanted: int) -> int:
        """What is held back is near the end: look there only."""
        count = wanted
        while (seen := len(self._raw[len(self._raw) - count :].translate(None, _PLAIN_DELETED))) < wanted:
            count += wanted - seen
        return len(self._raw) - count

    def _list_removed(self) -> None:
        """Of each removed range: how many bytes of the text come before it, and how many were removed up to its end."""
        total = 0
        self._totals.append(0)
        for match in _HIDDEN.finditer(self._raw):
            self._starts.append(match.start() - total)
            total += match.end() - match.start()
            self._totals.append(total)


def has_hidden(raw: bytes) -> bool:
    """Whether text may be hidden or taken back in these bytes, beyond line ends."""
    return b"\x1b" in raw or b"\x08" in raw or b"\xc2\x9b" in raw


def project(raw: bytes) -> Projection:
    """Without line ends, escape sequences and what backspaces took back."""
    if b"\x08" in raw:
        return _with_backspaces(raw)
    if has_hidden(raw):
        return Projection(_HIDDEN.sub(b"", raw), raw)
    return Projection(raw.translate(None, _PLAIN_DELETED), raw, plain=True)


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
    return Projection(bytes(raw[i] for i in kept), raw, kept=kept, popped=popped)


def unfinished_escape(raw: bytes) -> int | None:
    """Where an escape sequence begins that is cut off by the end; None when none is."""
    match = _UNFINISHED.search(raw, max(0, len(raw) - _SPAN))
    return match.start() if match else None
