"""A stream as a person reads it: without what a terminal hides, with the way back to the bytes."""

from __future__ import annotations

import re
from bisect import bisect_right

from midwatch.redaction.lazy_pattern import lazy_pattern

_WIDTHLESS_CODES = (
    (0xAD, 0xAD),  # soft hyphen
    *((0x300, 0x36F), (0x483, 0x489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F)),
    *((0x61C, 0x61C), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB)),
    *((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE007F), (0xE0100, 0xE01EF)),
)
"""Characters that take no place of their own: joiners, marks of direction, accents, fillers, selectors, tags."""
_BLOCK = 64
"""So many characters differ in the last byte of UTF-8 alone."""
_WIDTHLESS = [
    (chr(max(first, block)).encode(), chr(min(last, block + _BLOCK - 1)).encode())
    for first, last in _WIDTHLESS_CODES
    for block in range(first - first % _BLOCK, last + 1, _BLOCK)
]
"""The first and the last of those that have all bytes but one in common."""
_WIDTHLESS_PATTERN = b"|".join(first[:-1] + b"[%b-%b]" % (first[-1:], last[-1:]) for first, last in _WIDTHLESS)
_CUT_OFF = b"|".join(sorted({first[:size] for first, _ in _WIDTHLESS for size in range(1, len(first))}))
_STRING = (  # OSC, DCS and the like, with what they carry
    rb"|(?:\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f]|(?<![\x80-\xff])[\x90\x98\x9d-\x9f])"
    rb"(?:[^\x07\x1b\x9c\xc2]|\xc2(?![\x90\x98\x9c-\x9f])){0,512}(?:\x07|\x1b\\|\xc2?\x9c)"
)
_SEQUENCE = (
    rb"(?:\x1b\[|\xc2\x9b|(?<![\x80-\xff])\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    + _STRING
    + rb"|\x1b[ -/]{0,4}[0-~]|\xc2[\x80-\x9f]|(?<![\x80-\xff])[\x80-\x9f]"
)
"""Escape sequences and controls of seven and of eight bits."""
_ESCAPE = _SEQUENCE + b"|" + _WIDTHLESS_PATTERN
_OPENER = lazy_pattern(rb"\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f]|(?<![\x80-\xff])[\x90\x98\x9d-\x9f]")
"""What begins a string for the terminal: OSC, DCS and the like."""
_CONTROLS = bytes((*range(8), 11, 12, *range(14, 27), *range(28, 32), 127))
_LINE_ENDS = rb"\r?\n[ \t\0]*|[\r\t" + re.escape(_CONTROLS) + rb"]+"
_HIDDEN = lazy_pattern(_ESCAPE + rb"|" + _LINE_ENDS)
_HIDDEN_OR_BACK = lazy_pattern(_ESCAPE + rb"|" + _LINE_ENDS + rb"|(\x08)")
_HIDDEN_BUT_BLANKS = lazy_pattern(_ESCAPE + rb"|[\r\n\t" + re.escape(_CONTROLS) + rb"]+")
_HIDDEN_AND_BLANKS = lazy_pattern(_ESCAPE + rb"|[ \r\n\t" + re.escape(_CONTROLS) + rb"]+")
_INVISIBLE = lazy_pattern(_ESCAPE + rb"|[" + re.escape(_CONTROLS) + rb"]+")
_HIDDEN_BUT_WIDTHLESS = lazy_pattern(_SEQUENCE + rb"|" + _LINE_ENDS + rb"|(\x08)")
_HIDDEN_BUT_STRINGS = lazy_pattern(
    _OPENER.pattern + rb"|" + _ESCAPE.replace(_STRING, rb"") + rb"|" + _LINE_ENDS + rb"|(\x08)"
)
_UNFINISHED = lazy_pattern(
    rb"(?:(?:\x1b\[|\xc2\x9b|(?<![\x80-\xff])\x9b)[0-?]{0,64}[ -/]{0,8}"
    rb"|(?:\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f]|(?<![\x80-\xff])[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,512}(?:\x1b|\xc2)?"
    rb"|\x1b[ -/]{0,4}|\xc2|" + _CUT_OFF + rb")\Z"
)
_CONTROL_INSIDE = lazy_pattern(rb"(?:\x1b|\x9b)[\[0-?]{0,64}[\r\n\t" + re.escape(_CONTROLS) + rb"]")
_SPAN = 600
_CONTINUATION = bytes(range(0x80, 0xC0))
_NEAR = 8192
_PLAIN_DELETED = b"\r\n\t" + _CONTROLS


class VisibleText:
    """What is read, and where each of its bytes came from."""

    def __init__(
        self,
        text: bytes,
        raw: bytes,
        *,
        removed: re.Pattern[bytes] | None = None,
        kept: list[int] | None = None,
    ) -> None:
        """Without `removed` and `kept`, line ends, tabs and controls are what is missing."""
        self.text = text
        self._raw, self._removed, self._kept = raw, removed, kept
        self._starts: list[int] = []
        self._totals: list[int] = []

    def raw_index(self, index: int) -> int:
        """Position in the raw bytes of one byte of the text."""
        if self._kept is not None:
            return self._kept[index]
        if self.text is self._raw:
            return index
        if self._removed is None and len(self.text) - index <= _NEAR:
            return self._from_the_end(len(self.text) - index)
        if not self._totals:
            self._list_removed(self._removed or _HIDDEN)
        return index + self._totals[bisect_right(self._starts, index)]

    def source(self, index: int) -> tuple[int, int]:
        """Start and end in the raw bytes of one byte of the text."""
        at = self.raw_index(index)
        return at, at + 1

    def _from_the_end(self, wanted: int) -> int:
        """What is held back is near the end: look there only."""
        count = wanted
        while (seen := len(self._raw[len(self._raw) - count :].translate(None, _PLAIN_DELETED))) < wanted:
            count += wanted - seen
        return len(self._raw) - count

    def _list_removed(self, removed: re.Pattern[bytes]) -> None:
        """Of each removed range: how many bytes of the text come before it, and how many were removed up to its end."""
        total = 0
        self._totals.append(0)
        for match in removed.finditer(self._raw):
            self._starts.append(match.start() - total)
            total += match.end() - match.start()
            self._totals.append(total)


def has_hidden(raw: bytes) -> bool:
    """Whether text may be hidden or taken back in these bytes, beyond line ends; of what is not ASCII only CSI is
    seen."""
    return b"\x1b" in raw or b"\x08" in raw or len(raw.translate(None, _CONTROLS)) != len(raw)


def project(raw: bytes, *, hidden: bool | None = None) -> VisibleText:
    """Without line ends and the blanks behind them, controls, escape sequences and what backspaces took back.

    `hidden`: whether anything but line ends is to be removed, when that is known.
    """
    if hidden is None:
        hidden = has_hidden(raw) or b"\n " in raw or b"\n\t" in raw or not raw.isascii()
    if hidden and b"\x08" in raw:
        return _with_backspaces(raw, _HIDDEN_OR_BACK)
    if hidden:
        return VisibleText(_HIDDEN.sub(b"", raw), raw, removed=_HIDDEN)
    return VisibleText(raw.replace(b"\n", b"").replace(b"\r", b"").replace(b"\t", b""), raw)


USUAL_CONTROLS = (b"\x1b", b"\x08", b"\0")
HIDING = (
    *(bytes((control,)) for control in _CONTROLS),
    *(bytes((0xC2, second)) for second in range(0x80, 0xA0)),
    *{(first[:-1] + bytes((end,)))[:3] for first, last in _WIDTHLESS for end in range(first[-1], last[-1] + 1)},
)
"""What hides text, beside the usual controls."""
EIGHT_BIT = tuple(bytes((byte,)) for byte in (0x84, 0x85, 0x8D, 0x8E, 0x8F, 0x90, 0x98, 0x9A, *range(0x9B, 0xA0)))
"""Controls of eight bits, unless they are a part of a character."""
WRAPPING = (b"\n ", b"\n\t")


def unwrapped(raw: bytes) -> VisibleText:
    """As `project`, but blanks at the beginning of a line stay: they may belong to a secret."""
    return VisibleText(_HIDDEN_BUT_BLANKS.sub(b"", raw), raw, removed=_HIDDEN_BUT_BLANKS)


def blankless(raw: bytes) -> VisibleText:
    """As `project`, and without all blanks: which of them belong to a secret, nobody knows where lines are indented."""
    return VisibleText(_HIDDEN_AND_BLANKS.sub(b"", raw), raw, removed=_HIDDEN_AND_BLANKS)


def is_hiding(raw: bytes) -> bool:
    """Whether these bytes have characters without width, or controls of eight bits."""
    return not raw.isascii() and _INVISIBLE.search(raw.lstrip(_CONTINUATION)) is not None


def has_control_inside(raw: bytes) -> bool:
    """Whether a control stands inside of an escape sequence. A terminal obeys both."""
    return _CONTROL_INSIDE.search(raw) is not None


def without_controls(raw: bytes) -> VisibleText:
    """Without line ends, tabs and controls alone."""
    return VisibleText(raw.translate(None, _PLAIN_DELETED), raw)


def has_opener(raw: bytes) -> bool:
    """Whether a string for the terminal begins in these bytes."""
    return _OPENER.search(raw) is not None


def payloads(raw: bytes) -> VisibleText:
    """As `project`, with the text of terminal strings: what seems to begin one may stand before a secret by
    accident."""
    return VisibleText(_HIDDEN_BUT_STRINGS.sub(b"", raw), raw, removed=_HIDDEN_BUT_STRINGS)


def typed_payloads(raw: bytes) -> VisibleText:
    """As `payloads`, without what backspaces took back."""
    return _with_backspaces(raw, _HIDDEN_BUT_STRINGS)


def with_widthless(raw: bytes) -> VisibleText:
    """As `project`, but with the characters without width: a secret may have them."""
    return _with_backspaces(raw, _HIDDEN_BUT_WIDTHLESS)


def typed(raw: bytes) -> VisibleText:
    """As `project`, but backspaces take nothing back."""
    text = raw.replace(b"\x08", b"\x07")
    return VisibleText(_HIDDEN.sub(b"", text), text, removed=_HIDDEN)


def visible(raw: bytes) -> VisibleText:
    """Without escape sequences and controls, but with line ends and tabs."""
    return VisibleText(_INVISIBLE.sub(b"", raw), raw, removed=_INVISIBLE)


def _with_backspaces(raw: bytes, hidden: re.Pattern[bytes]) -> VisibleText:
    kept: list[int] = []
    at = 0
    for match in hidden.finditer(raw):
        kept.extend(range(at, match.start()))
        at = match.end()
        if match.group(1):
            while kept and raw[kept[-1]] & 0xC0 == 0x80:  # the last bytes of one UTF-8 character
                kept.pop()
            if kept:
                kept.pop()
    kept.extend(range(at, len(raw)))
    return VisibleText(bytes(raw[i] for i in kept), raw, kept=kept)


def unfinished_escape(raw: bytes) -> int | None:
    """Where an escape sequence begins that is cut off by the end; None when none is."""
    if _is_plain(raw[-_SPAN:]):
        return None
    match = _UNFINISHED.search(raw, max(0, len(raw) - _SPAN))
    return match.start() if match else None


def _is_plain(tail: bytes) -> bool:
    """Whether these are whole characters of UTF-8 without the beginning of a sequence."""
    if b"\x1b" in tail or b"\xc2" in tail:
        return False
    try:
        tail.lstrip(_CONTINUATION).decode()
    except UnicodeDecodeError:
        return False
    return True
