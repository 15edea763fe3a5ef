"""Dumps of bytes in columns behind an address, as `xxd`, `hexdump` and `od` write them: the bytes of several lines.

A column of eight digits of which each is 0 or 1 is one byte in bits, as `xxd -b` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from midwatch.redaction.lazy_pattern import lazy_pattern

Cell = tuple[int, int, int]
"""One byte of a dump: its value, where its column starts and where its line ends."""
_FIRST = lazy_pattern(
    rb"\n(?:[ \t>|+]{0,8}+[0-9A-Fa-f]{4,16}+:?[ \t]{1,8}[0-9A-Fa-f\\ ]|[ \t>|+]{0,8} {3}[!-~] {3}[!-~])"
)
_MAYBE_LINE = lazy_pattern(rb" |[ \t>|+]{0,8}+[0-9A-Fa-f]{4,16}+:?[ \t]")
_ADDRESS = lazy_pattern(rb"[ \t>|+]{0,8}(?:[0-9A-Fa-f]{4,16}:?(?=[ \t]))?")
_ADDRESS_INSIDE = lazy_pattern(rb"[0-9A-Fa-f]{4,16}+:?[ \t]")
_CHARACTERS = lazy_pattern(rb"(?: {3}[!-~ ]|  \\[0abfnrtv]|  [a-z]{2}| [a-z]{3}| [0-3][0-7]{2})+ *[\r\n]*\Z")
_CHARACTER = lazy_pattern(rb" {3}([!-~ ])|  \\([0abfnrtv])| ([ a-z][a-z]{2})| ([0-3][0-7]{2})")
_NUMBER = lazy_pattern(rb"[ \t]{1,8}-?[ \t]?([0-9A-Fa-f]{2,16})(?![0-9A-Za-z])")
_ESCAPES = dict(zip(b"0abfnrtv", b"\0\a\b\f\n\r\t\v", strict=True))
_NAMES = {b" sp": 32, b" nl": 10, b" cr": 13, b" ht": 9}
_LINE_LIMIT_BYTES = 120
"""A longer rest without a line end is no line of a dump."""
_LINE_BYTES = 16
_BITS = 8
_OCTAL_WORD = 6
"""Digits of two bytes in octal."""


class AsLine:
    """A text behind a line end; bytes of other text may stand before the address of a dump."""

    def __init__(self, text: bytes) -> None:
        address = _ADDRESS_INSIDE.search(text)
        before = text[: max(0, address.start() - 1)] if address else b""
        self.text = b"\n" + before + (b"\n" + text[len(before) + 1 :] if address and address.start() else text)

    def source(self, index: int) -> tuple[int, int]:
        return max(0, index - 1), max(1, index)


class DumpPiece:
    """The bytes of consecutive lines of a dump. Each stands for all of its line from its column on."""

    def __init__(self, cells: list[Cell], *, is_open: bool) -> None:
        self.is_open = is_open
        self.text = bytes(value for value, _, _ in cells)
        self._cells = cells

    def source(self, index: int) -> tuple[int, int]:
        return self._cells[index][1:]


def dumps(text: bytes, *, is_open: bool) -> Iterator[DumpPiece]:
    """The dumps in a text, in both orders of the bytes of a word; `is_open`: the rest of the last line may come."""
    at = 0
    while (first := _FIRST.search(text, at)) is not None:
        lines: list[list[list[Cell]]] = []
        at = first.start() + 1
        while at < len(text):
            end = text.find(b"\n", at) + 1 or len(text)
            is_cut_off = is_open and not text.endswith(b"\n", 0, end)
            if is_cut_off or not (cells := _cells(text, at, end, least=1 if lines else 2)):
                break
            lines.append(cells)
            at = end
        may_go_on = len(text) - at < _LINE_LIMIT_BYTES and b"\n" not in text[at:]
        for order in range(2 if lines else 0):
            yield DumpPiece([cell for line in lines for cell in line[order % len(line)]], is_open=may_go_on)
        at = at - 1 if lines else first.end()


def unfinished_line(text: bytes) -> int | None:
    """Where a line of a dump begins of which the end has not come."""
    start = text.rfind(b"\n") + 1
    if not _MAYBE_LINE.match(text, start):
        return None
    whole = text.rfind(b" ", start)
    is_dump = _cells(text, start, len(text)) or (whole > start and _cells(text, start, whole))
    return start if is_dump else None


def _cells(text: bytes, start: int, end: int, *, least: int = 2) -> list[list[Cell]]:
    """The bytes of one line, in one reading or two; none when the line is no dump."""
    address = _ADDRESS.match(text, start, end)
    assert address is not None
    at = address.end()
    has_address = text[at - 1 : at].isalnum() or text[at - 1 : at] == b":"
    at = at if has_address else start
    if _CHARACTERS.match(text, at, end) and (has_address or end - at > 8 or least == 1):
        return [[(_value(cell), cell.start(), end) for cell in _CHARACTER.finditer(text, at, end)]]
    big: list[Cell] = []
    little: list[Cell] = []
    width = 0
    while (found := _NUMBER.match(text, at, end)) is not None and has_address:
        content = _bytes_of(found[1])
        is_cut = len(found[1]) < width == _BITS and not found[1].strip(b"01")
        if is_cut or len(found[1]) > width > 0 or len(big) + len(content) > _LINE_BYTES:
            break
        width, at = len(found[1]), found.end()
        big += [(byte, found.start(1), end) for byte in content]
        little += [(byte, found.start(1), end) for byte in reversed(content)]
    return [big, little] if len(big) >= least else []


def _bytes_of(number: bytes) -> bytes:
    if len(number) == _BITS and not number.strip(b"01"):
        return bytes((int(number, 2),))
    if len(number) == _OCTAL_WORD and number.isdigit() and b"8" not in number and b"9" not in number:
        return (int(number, 8) & 0xFFFF).to_bytes(2, "big")
    return bytes.fromhex(number.decode()) if len(number) % 2 == 0 else b""


def _value(cell: re.Match[bytes]) -> int:
    plain, escape, name, octal = cell.groups()
    if plain:
        return plain[0]
    if escape:
        return _ESCAPES[escape[0]]
    return _NAMES.get(name, 0) if name else int(octal, 8) & 255
