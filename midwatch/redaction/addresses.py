"""Finds the name and password of an address: `scheme://name:password@host`."""

from __future__ import annotations

from midwatch.redaction.lazy_pattern import lazy_pattern

_LONGEST_BYTES = 2048
_PORT = lazy_pattern(rb"\d{1,5}(?:[/?#,\s\"'<>;)\]]|\Z)")
_QUERY = lazy_pattern(rb"\?[\w.-]+=")
_HOST = lazy_pattern(rb"[\w\[(/%$*{-]")
_SCHEME_BACKWARDS = lazy_pattern(rb"[\w+.:-]*[A-Za-z]")
_NEXT_ADDRESS_BACKWARDS = lazy_pattern(rb"[\w+.-]*[A-Za-z][\s,;|]?")
"""Both are matched against reversed text: a search for what ends a text tries every beginning."""
_ADDRESS_IN = {
    quote: lazy_pattern(rb"(?:[^\s<>\\%b]|\\.?){0,%d}" % (quote, _LONGEST_BYTES)) for quote in (b'"', b"'", b"`", b"")
}


def quote_before_scheme(line: bytes) -> bytes:
    """The quote directly before the scheme that ends a line."""
    scheme = _SCHEME_BACKWARDS.match(line[::-1])
    quote = line[: len(line) - scheme.end()][-1:] if scheme else b""
    return quote if quote in (b'"', b"'", b"`") else b""


def find_user_info(window: bytes, at: int, quote: bytes) -> tuple[int, bool, bool] | None:
    """Of what follows `name:`: bytes up to the last `@` before a host; whether more may come; whether a port
    follows."""
    address = _ADDRESS_IN[quote].match(window, at)
    assert address is not None
    text = address[0]
    is_open = address.end() >= len(window) and len(text) < _LONGEST_BYTES
    if (further := text.find(b"://")) >= 0:
        next_address = _NEXT_ADDRESS_BACKWARDS.match(text[further - 1 :: -1] if further else b"")
        text = text[: further - (next_address.end() if next_address else 0)]
    if (query := _QUERY.search(text)) and b"@" in text[: query.start()]:
        text = text[: query.start()]
    is_port = _PORT.match(text) is not None
    size = 0 if is_port else _end_of_user_info(text)
    if text.startswith(b"[secret") or (size <= 0 and not is_open):
        return None
    return size, is_open, is_port


def _end_of_user_info(text: bytes) -> int:
    at = len(text)
    while (at := text.rfind(b"@", 0, at)) > 0:
        if _HOST.match(text, at + 1) or at + 1 == len(text):
            return at
    return 0
