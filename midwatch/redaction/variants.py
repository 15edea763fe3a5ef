"""The forms of one secret that are searched as they are, because no character marks where such an encoding begins.

Every other form is read by a decoder (`decoders.py`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote_from_bytes

SHORTEST_PIECE = 6
"""A shorter piece of a secret is not looked for: it would be an ordinary word."""
_SHORTEST_LINE = 8
_BETWEEN_DIGITS = ((":", ""), ("-", ""), (" ", ""), (" 0x", "0x"), (", 0x", "0x"), (",0x", "0x"))


def as_bytes(text: str) -> bytes:
    """UTF-8; undecodable bytes of the system as they were, other lone surrogates as their three bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def variants(value: str) -> set[bytes]:
    """The secret itself and base64 of it; also of its lines."""
    return _long_enough(
        form for text in _with_lines(value) for form in (*_plain(text), *_base64(_contents(text, as_bytes(text))))
    )


def hex_variants(value: str) -> set[bytes]:
    """Hexadecimal digits of the secret in lower case; a text has them in any case."""
    return _long_enough(form for text in _with_lines(value) for form in _hex(text))


def _long_enough(forms: Iterable[bytes]) -> set[bytes]:
    return {form for form in forms if len(form) >= SHORTEST_PIECE}


def _with_lines(value: str) -> Iterator[str]:
    yield value
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


def _plain(value: str) -> Iterator[bytes]:
    """As it is, with the blanks of web forms, as a format of `printf`, and with `\\xe9` for a character instead of a byte."""
    for form in {value, value.replace(" ", "+"), value.replace("%", "%%"), ascii(value)[1:-1]}:
        yield as_bytes(form)


def _contents(value: str, raw: bytes) -> set[bytes]:
    """The texts of which base64 is searched."""
    contents = {raw, raw.hex().encode(), raw.hex().upper().encode(), *_base64({raw})}
    contents |= {quote_from_bytes(raw, safe="").encode(), as_bytes(json.dumps(value)[1:-1])}
    return contents | _wide(value)


def _wide(value: str) -> set[bytes]:
    return {value.encode(f"utf-16-{order}", "surrogatepass") for order in ("le", "be")}


def _hex(value: str) -> Iterator[bytes]:
    raw = as_bytes(value)
    for content in {raw, *_wide(value), raw.hex().encode(), raw.hex().upper().encode(), *_base64({raw})}:
        yield content.hex().encode()
    for between, before in _BETWEEN_DIGITS:
        yield (before + between.join(f"{byte:02x}" for byte in raw)).encode()


def _base64(contents: set[bytes]) -> set[bytes]:
    """The characters that depend on the content alone, with 0 to 2 unknown bytes before it and any after it."""
    forms = set()
    for raw in contents:
        for alignment in range(3):
            first = -(-8 * alignment // 6)
            last = 8 * (alignment + len(raw)) // 6
            form = base64.b64encode(bytes(alignment) + raw)[first:last]
            forms |= {form, form.translate(_URL_SAFE)}
    return forms


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
