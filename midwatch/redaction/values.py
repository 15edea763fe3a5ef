"""How far the value of a setting, an option or a header goes."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from midwatch.redaction.lazy_pattern import lazy_pattern

_NOT_WORD = rb"\s"
_CUT = lazy_pattern(rb"[;,&][\w .-]{0,40}\Z")


class Extent(NamedTuple):
    """What may belong to a value."""

    more: re.Pattern[bytes]
    """Matches as much of it as there is."""
    peek: int = 1
    """Bytes that have to be seen behind the end to know that it is the end."""
    longest: int = 8192
    unsure: re.Pattern[bytes] | None = None
    """Matches a rest behind the end that may still turn out to belong to it."""


@cache
def _extent(pattern: bytes, peek: int = 1, longest: int = 8192, *, cut: bool = False) -> Extent:
    return Extent(lazy_pattern(pattern, re.S), peek, longest, _CUT if cut else None)


def double_quoted() -> Extent:
    """Up to `"`; `\\"` and `""` are inside."""
    return _extent(rb'(?:[^"\\\r\n]|\\.?|""(?=[^\s"\',;:)\]}>]))*', 3)


def single_quoted() -> Extent:
    """Up to `'`; `''`, `'\\''` and `\\'` before more of the word are inside."""
    return _extent(rb"""(?:[^'\r\n\\]|'\\''|'"'"'|''(?=[^\s"',;:)\]}>])|\\'(?=[^\s,;:)\]}])|\\)*""", 5)


def escaped_quoted(quote: bytes, backslashes: int) -> Extent:
    """Up to a quote behind as many backslashes as the one before the value: text inside of text."""
    q = re.escape(quote)
    return _extent(rb"(?:[^%b\\\r\n]|\\{%d,}%b|\\+(?![%b\\]|\Z))*" % (q, backslashes + 1, q, q), backslashes + 2)


def quoted(quote: bytes, backslashes: int = 0) -> Extent:
    if backslashes:
        return escaped_quoted(quote, backslashes)
    return {b'"': double_quoted, b"'": single_quoted}.get(quote, backticked)()


def backticked() -> Extent:
    return _extent(rb"[^`\r\n]*")


def word(enclosing: bytes = b"", *, stops: bytes = b"", query: bool = False, settings: bool = True) -> Extent:
    """Up to a blank and the quote around all of it; `;` and `,` belong to it unless another setting follows."""
    stop = re.escape(enclosing) + stops + (b"&#" if query else b"")
    signs = b"".join(s for s in (b";", b",", b"&") if s not in stops and not (query and s == b"&")) if settings else b""
    plain = rb"[^\s\\%b%b]" % (stop, signs)
    cut = rb"|[%b](?!\s|[\"']|\Z|&|[A-Za-z][\w .-]{0,40}[=:])" % signs if signs else b""
    return _extent(rb"(?:%b|\\[^\s%b]|\\(?=\s|\Z)%b)*" % (plain, stop or b"\x00", cut), 1, cut=bool(signs))


def exactly(count: int) -> Extent:
    return _extent(b".{%d}" % count)


def until(stops: bytes, longest: int = 8192) -> Extent:
    """Up to one of these characters."""
    return _extent(rb"[^%b]*" % stops, 1, longest)


def line(enclosing: bytes = b"") -> Extent:
    """To the end of the line, or to the quote around all of it."""
    if not enclosing:
        return _extent(rb"[^\r\n]*")
    return _extent(rb"(?:[^\\\r\n%b]|\\.?)*" % re.escape(enclosing))


def key_block() -> Extent:
    """A private key up to its end."""
    return _extent(rb"(?:[^-]+|-(?!----? ?END |-{0,4}\Z|----? ?(?:E|EN|END)?\Z))*", 10, 65536)


def indented(columns: int, *, items: bool) -> Extent:
    """The lines that are indented by more than so many blanks, or are items of a list at that column."""
    deeper = rb"[ \t]{%d,}[^\s]|[ \t]*\r?\n" % (columns + 1)
    item = rb"|[ \t]{%d}- " % columns if items else b""
    return _extent(rb"(?:[^\n]|\n(?=%b%b))*" % (deeper, item), columns + 40, 65536)


def putty_lines() -> Extent:
    """The base64 lines of a private key of PuTTY."""
    return _extent(rb"(?:[A-Za-z0-9+/=]*\r?\n?)(?:\r?\n?[A-Za-z0-9+/=]+(?=\r?\n|\Z))*", 1, 65536)
