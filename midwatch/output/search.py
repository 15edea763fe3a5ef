"""Search in an output file: text in lines, expressions, and how many lines hold a text.

Each function reads the file in blocks: call it from a worker thread.
"""

from __future__ import annotations

import re

from midwatch.output.index import OutputIndex

_BLOCK_BYTES = 1024 * 1024
MOST_COUNTED = 1_000_000
"""Lines with a match that are counted."""


def find_text(index: OutputIndex, text: str, start: int, *, backwards: bool = False) -> int | None:
    """The first line at or after `start` (at or before it, backwards) that holds `text`; None when there is none.

    A text without capitals also finds capitals (of ASCII).
    """
    needle, fold = _needle(text)
    if backwards:
        start = min(start, index.line_count - 1)
    if not needle or not 0 <= max(start, 0) < index.line_count:
        return None
    return (_find_backwards if backwards else _find)(index, needle, max(0, start), fold=fold)


def find_expression(index: OutputIndex, expression: re.Pattern[bytes], start: int, *, longest: int) -> int | None:
    """The first line at or after `start` in which the expression is found; None when it is nowhere.

    It matches within one line, and at most `longest` bytes.
    """
    line, rest = max(start, 0), b""
    position = index.offset_of(line)
    while fresh := index.read_at(position, min(_BLOCK_BYTES, index.bytes - position)):
        data, position = rest + fresh, position + len(fresh)
        if match := expression.search(data):
            return line + data.count(b"\n", 0, match.start())
        rest = data[-longest:]
        line += data.count(b"\n", 0, len(data) - len(rest))
    return None


def count_matches(index: OutputIndex, text: str, upto: int) -> tuple[int, int]:
    """How many lines hold the text, as `find_text` has it: those up to and with line `upto`, and all of them.

    Stops at a million.
    """
    needle, fold = _needle(text)
    before = found = line = position = 0
    last, rest = -1, b""
    while needle and position < index.bytes and found < MOST_COUNTED:
        fresh = index.read_at(position, min(_BLOCK_BYTES, index.bytes - position))
        if not fresh:
            break
        data, position = rest + (fresh.lower() if fold else fresh), position + len(fresh)
        counted, at = 0, data.find(needle)
        while at >= 0 and found < MOST_COUNTED:
            line, counted = line + data.count(b"\n", counted, at), at
            if line != last:
                last, found, before = line, found + 1, before + (line <= upto)
            end = data.find(b"\n", at)
            at = data.find(needle, end) if end >= 0 else -1
        rest = data[len(data) - len(needle) + 1 :] if len(needle) > 1 else b""
        line += data.count(b"\n", counted, len(data) - len(rest))
    return before, found


def _needle(text: str) -> tuple[bytes, bool]:
    """The bytes to search for, and whether capitals count as small letters."""
    return text.encode("utf-8", "surrogateescape"), text.lower() == text


def _find(index: OutputIndex, needle: bytes, line: int, *, fold: bool) -> int | None:
    position, rest = index.offset_of(line), b""
    while fresh := index.read_at(position, min(_BLOCK_BYTES, index.bytes - position)):
        data, position = rest + fresh, position + len(fresh)
        at = (data.lower() if fold else data).find(needle)
        if at >= 0:
            return line + data.count(b"\n", 0, at)
        rest = data[len(data) - len(needle) + 1 :] if len(needle) > 1 else b""
        line += data.count(b"\n", 0, len(data) - len(rest))
    return None


def _find_backwards(index: OutputIndex, needle: bytes, line: int, *, fold: bool) -> int | None:
    end = index.offset_of(line + 1)
    while end > 0:
        begin = max(0, end - _BLOCK_BYTES)
        data = index.read_at(begin, min(end - begin + len(needle) - 1, index.bytes - begin))
        at = (data.lower() if fold else data).rfind(needle)
        if at >= 0:
            return index.line_at(begin + at)
        end = begin
    return None
