"""Text as it was before programs encoded it: percent-encoding, entities, backslash escapes, quotes; with the way back.

The decoders are listed in `docs/redaction.md`. Secrets are read in the same way, so that both sides are alike.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cache

from midwatch.redaction.lazy_pattern import lazy_pattern

_ENCODED = lazy_pattern(
    rb"%(?:25){0,4}[0-9A-Fa-f]{2}"
    rb"|&(?:amp;){0,4}(?:\#0{0,4}\d{1,7};?|\#[xX][0-9A-Fa-f]{1,8};?|[A-Za-z]{2,8}\d?;)"
    rb"|(?<!\\)\\{1,24}(?:u[dD][89ABab][0-9A-Fa-f]{2}\\{1,24}u[dD][C-Fc-f][0-9A-Fa-f]{2}"
    rb"|u[0-9A-Fa-f]{4}|[ux]\{[0-9A-Fa-f]{1,8}\}|U[0-9A-Fa-f]{8}"
    rb"|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|[abefnrtvE0])"
)
_QUOTES = lazy_pattern(rb"[\\'\"`$]+")
_UNFINISHED = lazy_pattern(
    rb"(?:%(?:25?){0,4}[0-9A-Fa-f]?|&(?:amp;){0,4}(?:\#[xX]?[0-9A-Fa-f]{0,7}|[A-Za-z]{0,8}\d?)"
    rb"|(?<!\\)(?:\\{1,24}u[dD][89ABab][0-9A-Fa-f]{2})?\\{1,24}(?:u\{?[0-9A-Fa-f]{0,8}|x\{[0-9A-Fa-f]{0,8}|U[0-9A-Fa-f]{0,7}|x[0-9A-Fa-f]?|[0-3][0-7]?)?"
    rb"|['\"`$]{1,4})\Z"
)
_PRINTABLE_ENCODED = lazy_pattern(rb"=[0-9A-Fa-f]{2}|=[ \t]{0,4}\r?\n|=\Z")
_PRINTABLE_MARK = lazy_pattern(
    rb"=(?:2[1-4EeFf]|3[Dd]|40|5[B-Eb-e]|60|7[B-Eb-e]|[ \t]{0,4}\r?\n"
    rb"|[2-7][0-9A-Fa-f]=[2-7][0-9A-Fa-f]|[C-Fc-f][0-9A-Fa-f]=[89ABab])"
)
_UNFINISHED_PRINTABLE = lazy_pattern(rb"=(?:[0-9A-Fa-f]?|[ \t]{0,4}\r?)\Z")
_LETTERS = {b"a": 7, b"b": 8, b"e": 27, b"E": 27, b"f": 12, b"n": 10, b"r": 13, b"t": 9, b"v": 11, b"0": 0}
_MARK = lazy_pattern(rb"[%&\\'\"`$]")
_TAIL_BYTES = 64
_DEEPEST = 3


class Rewritten:
    """Bytes in which some stretches stand for others, with the way back."""

    def __init__(self, source: bytes, pattern: re.Pattern[bytes], meaning: Callable[[bytes], bytes | None]) -> None:
        self._outs: list[int] = []
        self._tokens: list[tuple[int, int, int]] = []
        pieces: list[bytes] = []
        at = size = 0
        for found in pattern.finditer(source):
            value = meaning(found[0])
            if value is None:
                continue
            pieces += (source[at : found.start()], value)
            size += found.start() - at
            self._outs.append(size)
            self._tokens.append((found.start(), found.end(), len(value)))
            at, size = found.end(), size + len(value)
        pieces.append(source[at:])
        self.meanings = b" ".join((b"", *pieces[1::2]))
        """What the stretches stand for, parted by blanks."""
        self.text = b"".join(pieces)
        self.is_changed = bool(self._tokens)

    def source(self, index: int) -> tuple[int, int]:
        """Start and end of what one byte stands for."""
        at = bisect_right(self._outs, index) - 1
        if at < 0:
            return index, index + 1
        start, end, size = self._tokens[at]
        inside = index - self._outs[at]
        if inside < size:
            return start, end
        return end + inside - size, end + inside - size + 1


class Unescaped:
    """A text without percent-encoding, entities and escapes, each up to three deep, with the way back."""

    def __init__(self, source: bytes, deepest: int = _DEEPEST) -> None:
        self._source = source
        self._steps: list[Rewritten] = []
        self.text = source
        self.meanings = b""
        """What the escapes stand for, parted by blanks."""
        for _ in range(deepest):
            step = Rewritten(self.text, _ENCODED, _meaning)
            if not step.is_changed:
                break
            self._steps.append(step)
            self.text = step.text
            self.meanings += step.meanings

    def earlier(self) -> list[Unescaped]:
        """The text after each step but the last: what is left may be no escape and belong to a secret."""
        return [Unescaped(self._source, deepest) for deepest in range(1, len(self._steps))]

    def unfinished(self) -> int | None:
        """Where in the source something encoded twice begins that its end cuts off."""
        at = unfinished(self.text) if self._steps else None
        return None if at is None else self.source(at)[0]

    def source(self, index: int) -> tuple[int, int]:
        """Start and end of what one byte of the text stands for."""
        start, end = index, index + 1
        for step in reversed(self._steps):
            start, end = step.source(start)[0], step.source(end - 1)[1]
        return start, end


def unquoted(text: bytes) -> Rewritten:
    """The text without quotes and backslashes."""
    return Rewritten(text, _QUOTES, lambda _: b"")


def is_encoded(text: bytes) -> bool:
    """Whether decoding may change it."""
    return _MARK.search(text) is not None


def is_escaped(text: bytes) -> bool:
    """Whether something in it stands for something else."""
    return (b"%" in text or b"&" in text or b"\\" in text) and _ENCODED.search(text) is not None


def printable(raw: bytes) -> Rewritten:
    """Quoted-printable text as it was."""
    return Rewritten(
        raw,
        _PRINTABLE_ENCODED,
        lambda token: bytes.fromhex(token[1:].decode()) if len(token) == 3 and token[1:].isalnum() else b"",
    )


def is_printable(text: bytes) -> bool:
    """Whether it may be quoted-printable."""
    return _PRINTABLE_MARK.search(text) is not None


def unfinished_printable(raw: bytes) -> int | None:
    """Where a piece of quoted-printable begins that the end cuts off."""
    found = _UNFINISHED_PRINTABLE.search(raw, max(0, len(raw) - 8))
    return found.start() if found else None


def unfinished(text: bytes) -> int | None:
    """Where something encoded begins that the end of the text cuts off."""
    marks = (mark.start() for mark in _MARK.finditer(text, max(0, len(text) - _TAIL_BYTES)))
    return next((at for at in marks if _UNFINISHED.match(text, at)), None)


def _meaning(token: bytes) -> bytes | None:
    """What one encoded piece stands for."""
    if token.startswith(b"%"):
        return bytes.fromhex(token[-2:].decode())
    if token.startswith(b"&"):
        return _entity(token)
    kind = token.lstrip(b"\\")
    if kind[:1] == b"u" and kind[1:2] != b"{":
        units = bytes.fromhex("".join(part.decode() for part in re.findall(rb"u([0-9A-Fa-f]{4})", token)))
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    if kind[:1] in (b"u", b"U") or kind[1:2] == b"{":
        return _character(int(kind.strip(b"uUx{}"), 16))
    if kind[:1] == b"x":
        return bytes.fromhex(kind[1:3].decode())
    return bytes((int(kind, 8) & 255 if len(kind) == 3 else _LETTERS[kind],))


def _entity(token: bytes) -> bytes | None:
    name = token.rsplit(b"&", 1)[-1].replace(b"amp;", b"").rstrip(b";")
    if not name:
        return b"&"
    if name[:2].lower() == b"#x":
        return _character(int(name[2:], 16))
    if name[:1] == b"#":
        return _character(int(name[1:]))
    names, text = _entity_names(), name.decode("ascii")
    code = names.get(text, names.get(text.lower()))
    return None if code is None else _character(code)


@cache
def _entity_names() -> dict[str, int]:
    """The character of each entity that stands for one."""
    from html.entities import html5  # few texts have entities

    return {name[:-1]: ord(text) for name, text in html5.items() if name[-1] == ";" and len(text) == 1}


def _character(code: int) -> bytes | None:
    return chr(code).encode("utf-8", "surrogatepass") if code <= 0x10FFFF else None
