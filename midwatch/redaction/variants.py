"""How one secret may look when it comes out: quoted, escaped, encoded, or one line of several."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_from_bytes

from midwatch.redaction.escapes import backslashed, c_escaped, double_quoted, entities, gnu_quoted, json_escaped

SHORTEST_PIECE = 6
"""A shorter piece of a secret is not looked for: it would be an ordinary word."""
_SHORTEST_LINE = 8


def as_bytes(text: str) -> bytes:
    """UTF-8; undecodable bytes of the system as they were, other lone surrogates as their three bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def variants(value: str) -> set[bytes]:
    """Every form of `value` that is looked for, itself included."""
    raw = as_bytes(value)
    found = set(_textual(value)) | set(_binary(raw)) | _two_deep(value)
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        for line in lines:
            if len(line) >= _SHORTEST_LINE and not line.startswith("-----"):
                found |= set(_binary(as_bytes(line))) | set(_textual(line))
    return {form for form in found if len(form) >= SHORTEST_PIECE}


def _two_deep(value: str) -> set[bytes]:
    """Base64 of other forms: UTF-16, base64, percent-encoding, escapes of JSON."""
    raw = as_bytes(value)
    inner = {value.encode(f"utf-16-{order}", "surrogatepass") for order in ("le", "be")}
    inner |= {form for alignment in range(3) for form in _base64(raw, alignment)}
    inner |= {as_bytes(form) for form in (quote_from_bytes(raw, safe=""), json.dumps(value)[1:-1]) if form != value}
    return {form for text in inner for alignment in range(3) for form in _base64(text, alignment)}


def _textual(value: str) -> Iterator[bytes]:
    forms = {value, *json_escaped(value), *entities(value), double_quoted(value)}
    forms |= {repr(value)[1:-1], ascii(value)[1:-1], value.replace("\\", "\\\\"), value.replace("'", "\\'")}
    forms |= {value.replace('"', '\\"'), shlex.quote(value).strip("'"), value.replace("'", "'\\''"), backslashed(value)}
    forms |= {value.replace("'", "''"), value.replace("\\", "\\\\").replace("'", "''"), value.replace('"', '""')}
    forms |= {value.replace("\\", "\\\\").replace(":", "\\:"), value.replace("%", "%%"), value.replace("$", "$$")}
    for form in forms:
        yield as_bytes(form)
    raw = as_bytes(value)
    yield from (*c_escaped(raw), *gnu_quoted(raw))


def _binary(raw: bytes) -> Iterator[bytes]:
    yield raw
    for digits in (raw.hex(), raw.hex().upper()):
        yield digits.encode()
        pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
        for before, between in (
            ("\\x", "\\x"),
            ("", ":"),
            ("", "-"),
            ("", " "),
            ("0x", " 0x"),
            ("0x", ", 0x"),
            ("0x", ",0x"),
        ):
            yield (before + between.join(pairs)).encode()
        yield ("%" + "%".join(pairs)).encode()
    percent = quote_from_bytes(raw, safe="")
    forms = {
        percent,
        quote_from_bytes(raw, safe="/"),
        quote_from_bytes(raw, safe="!*'()"),
        quote_from_bytes(raw, safe="!*'()/:,;"),
    }
    forms |= {form.replace("%20", "+") for form in forms} | {quote(percent, safe="")}
    for form in forms:
        yield form.encode()
        yield _lower_hex(form).encode()
    for alignment in range(3):
        yield from _base64(raw, alignment)


def _lower_hex(percent: str) -> str:
    head, *parts = percent.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts)


def _base64(raw: bytes, alignment: int) -> Iterator[bytes]:
    """The characters that depend on the secret alone, with `alignment` unknown bytes before it and any after it."""
    first = -(-8 * alignment // 6)
    last = 8 * (alignment + len(raw)) // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(bytes(alignment) + raw)[first:last]
