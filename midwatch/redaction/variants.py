"""The texts of one secret that are searched in what the decoders read."""

from __future__ import annotations

import unicodedata
from base64 import b32encode
from collections.abc import Iterator

from midwatch.redaction.lazy_pattern import lazy_pattern

SHORTEST_PIECE = 6
"""A shorter piece of a secret is not looked for: it would be an ordinary word."""
_SHORTEST_LINE = 8
_ESCAPES = lazy_pattern(rb"\\.?|['\"`$]")


def as_bytes(text: str) -> bytes:
    """UTF-8; undecodable bytes of the system as they were, other lone surrogates as their three bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def variants(value: str) -> set[bytes]:
    """The secret and its lines: as they are, and in the other ways to write the same letters."""
    written = {form for text in _with_lines(value) for form in _written(text)}
    written |= {deep for form in written if len(form) >= SHORTEST_PIECE for deep in _escaped(form)}
    written |= {form for text in _with_lines(value) for form in _base32(as_bytes(text))}
    return {form for form in written if len(form) >= SHORTEST_PIECE}


def _base32(content: bytes) -> Iterator[bytes]:
    """The characters that depend on the content alone, with 0 to 4 unknown bytes before it."""
    for before in range(5):
        encoded = b32encode(bytes(before) + content)
        form = encoded[-(-8 * before // 5) : 8 * (before + len(content)) // 5]
        yield from (form, form.lower())


def _escaped(form: bytes) -> Iterator[bytes]:
    """As one to three JSON strings inside of each other have it, where too little is left without what is escaped."""
    if len(_ESCAPES.sub(b"", form)) < SHORTEST_PIECE:
        for _ in range(3):
            form = form.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            yield form


def _with_lines(value: str) -> Iterator[str]:
    yield value
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


def _written(value: str) -> Iterator[bytes]:
    """With the blanks of web forms, as a format of `printf`, with `\\xe9` for a character, its accents apart, as
    UTF-16."""
    for form in {value, value.replace(" ", "+"), value.replace("%", "%%"), ascii(value)[1:-1], repr(value)[1:-1]}:
        yield as_bytes(form)
    if not value.isascii():
        yield from (as_bytes(unicodedata.normalize(form, value)) for form in ("NFC", "NFD"))
        yield from (value.encode(f"utf-16-{order}", "surrogatepass") for order in ("le", "be"))
