"""The escapes by which programs write text inside of other text: JSON, HTML and XML, C and the shell's `$'…'`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.entities import codepoint2name

_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_HTML = (
    _XML,
    _XML | {'"': "&quot;"},
    _XML | {'"': "&quot;", "'": "&#x27;"},  # Python
    _XML | {'"': "&quot;", "'": "&#39;"},
    _XML | {'"': "&quot;", "'": "&#039;"},  # PHP
    _XML | {'"': "&quot;", "'": "&apos;"},  # XML
    _XML | {'"': "&#34;", "'": "&#39;"},  # Go
    _XML | {'"': "&quot;", "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;"},  # Mustache
)
_NUMBERED = ("&#{};", "&#x{:x};", "&#x{:X};")
_TABLES = [str.maketrans(table) for table in _HTML]
_SPECIAL = frozenset("&<>\"'")
_LETTERS = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 27: "E"}
_BYTES = ("\\{:03o}", "\\x{:02x}", "\\x{:02X}")
_GUARDED = ("\\u{:04x}", "\\u{:04X}")
_TAGS, _SIGNS = (
    [str.maketrans({c: u.format(ord(c)) for c in guarded}) for u in _GUARDED] for guarded in ("<>&", "'+`")
)
_ESCAPED = re.compile(rb"[^ !#-&(-\[\]-~]")
_UNPRINTABLE = re.compile(rb"[^ -~]+")
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]+")


def entities(value: str) -> Iterator[str]:
    """As HTML and XML have it: names or numbers, of what has to be escaped, of what is not ASCII, or of everything."""
    for table in _TABLES:
        yield (escaped := value.translate(table))
        if not value.isascii():
            yield "".join(c if c.isascii() else f"&{codepoint2name.get(ord(c), f'#{ord(c)}')};" for c in escaped)
            for number in _NUMBERED:
                yield "".join(c if c.isascii() else number.format(ord(c)) for c in escaped)
    for number in _NUMBERED:
        if not _SPECIAL.isdisjoint(value):
            yield "".join(number.format(ord(c)) if c in _SPECIAL else c for c in value)
            yield "".join(number.format(ord(c)) if c in _SPECIAL or ord(c) > 126 else c for c in value)
        yield "".join(number.format(ord(c)) for c in value)


def json_escaped(value: str) -> Iterator[str]:
    """As JSON has it: with and without `\\u`, twice, and as writers do that also guard what HTML would read."""
    escaped, plain = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (escaped, plain, escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1])
    for text in {plain, escaped, _upper(escaped)}:
        if _SPECIAL.isdisjoint(text) and "+" not in text and "`" not in text and "/" not in text:
            continue
        for special, tags, signs in zip(_GUARDED, _TAGS, _SIGNS, strict=True):
            guarded = text.translate(tags)
            more = guarded.replace('\\"', special.format(34)).translate(signs)
            for form in (
                guarded,
                guarded.replace("'", special.format(39)),
                more,
                more.replace(special.format(43), "+"),
            ):
                yield from (form, form.replace("/", "\\/"))
    units = value.encode("utf-16-be", "surrogatepass")
    every = "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    yield from (every, every.upper().replace("U", "u"))


def _upper(escaped: str) -> str:
    return re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), escaped)


def backslashed(value: str) -> str:
    """As `printf %q` writes it."""
    return "".join(c if c.isalnum() or c in "_-./:@%+=," or ord(c) > 127 else f"\\{c}" for c in value)


def double_quoted(value: str) -> str:
    """As `declare -p` and `export` write it between `"…"`."""
    return re.sub(r'(["$`\\])', r"\\\1", value)


def c_escaped(raw: bytes) -> Iterator[bytes]:
    """As the shell writes it inside of `$'…'`, C and others between quotes: octal or `\\x` where it is not printable."""
    for quotes in ("\\'", '\\"', "\\") if _ESCAPED.search(raw) else ():
        yield _c(raw, quotes, _BYTES[0], above=128)
        for number in _BYTES if _UNPRINTABLE.search(raw) else ():
            yield _c(raw, quotes, number, above=256)
    for number in _BYTES:
        yield "".join(number.format(byte) for byte in raw).encode()


def _c(raw: bytes, quotes: str, number: str, *, above: int) -> bytes:
    """Bytes from 128 on are left as they are when they are not below `above`."""
    out = bytearray()
    for byte in raw:
        if chr(byte) in quotes:
            out += b"\\" + bytes((byte,))
        elif byte in _LETTERS:
            out += f"\\{_LETTERS[byte]}".encode()
        elif 32 <= byte < 127 or byte >= above:
            out.append(byte)
        else:
            out += number.format(byte).encode()
    return bytes(out)


def gnu_quoted(raw: bytes) -> Iterator[bytes]:
    """As `ls` and its kin write it: `'a'$'\\303\\251''b'`, with what is printable in the locale between plain quotes."""
    quoted = raw.replace(b"'", b"'\\''")
    for hidden in (_UNPRINTABLE, _CONTROLS):
        yield hidden.sub(lambda run: b"'$'" + _c(run[0], "", _BYTES[0], above=256) + b"''", quoted).strip(b"'")
