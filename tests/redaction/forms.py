"""How a secret may look when a program writes it, by the name of the form."""

from __future__ import annotations

import base64
import html
import json
import quopri
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus


def _numbered(text: str, number: str) -> bytes:
    return "".join(number.format(ord(c)) if c in "&<>\"'" else c for c in text).encode()


def _guard(text: str, guarded: str, digits: str = "x") -> str:
    return "".join(f"\\u{ord(c):04{digits}}" if c in guarded else c for c in text)


def _c(text: str, quote: str, number: str) -> bytes:
    """As bash writes `$'…'` and programs in C their strings; `hypothesis` draws no control characters here."""
    shown = text.replace("\\", "\\\\").replace(quote, "\\" + quote).encode()
    return b"".join(bytes((byte,)) if byte < 127 else number.format(byte).encode() for byte in shown)


def _dump(text: str, line: Callable[[int, bytes], str], width: int = 16) -> bytes:
    """In lines of so many bytes, behind a name that moves the text to the middle of the first."""
    raw = b"name=" + text.encode()
    lines = [line(at, raw[at : at + width]) for at in range(0, len(raw), width)]
    return ("\n" + "\n".join(lines) + "\n").encode()


def _bits(at: int, raw: bytes) -> str:
    return f"{at:08x}: " + " ".join(f"{byte:08b}" for byte in raw) + f"  {_column(raw)}"


def _column(raw: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in raw)


def _pairs(raw: bytes) -> str:
    return f"{raw[:8].hex(' '):23}  {raw[8:].hex(' ')}"


def _words(raw: bytes) -> str:
    return " ".join(raw[at : at + 2].hex() for at in range(0, len(raw), 2))


def _little(raw: bytes) -> list[int]:
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]


def _letters(raw: bytes) -> str:
    return "".join(f"   {chr(byte)}" if 32 <= byte < 127 else f" {byte:03o}" for byte in raw)


FORMS: dict[str, Callable[[str], bytes]] = {
    "raw": lambda s: s.encode(),
    "base64 0": lambda s: base64.b64encode(s.encode()),
    "base64 1": lambda s: base64.b64encode(b"u" + s.encode() + b"zz"),
    "base64 2": lambda s: base64.b64encode(b"u:" + s.encode() + b"z"),
    "base64url 0": lambda s: base64.urlsafe_b64encode(s.encode()),
    "base64url 1": lambda s: base64.urlsafe_b64encode(b"u" + s.encode()),
    "base64url 2": lambda s: base64.urlsafe_b64encode(b"u:" + s.encode() + b"z"),
    "base64, wrapped": lambda s: base64.encodebytes(b"u:" + s.encode() + b"z" * 80),
    "percent": lambda s: quote(s, safe="").encode(),
    "percent, path": lambda s: quote(s).encode(),
    "form": lambda s: quote_plus(s).encode(),
    "percent, lower": lambda s: re.sub("%..", lambda found: found[0].lower(), quote(s, safe="")).encode(),
    "form, lower": lambda s: re.sub("%..", lambda found: found[0].lower(), quote_plus(s)).encode(),
    "percent, twice": lambda s: quote(quote(s, safe=""), safe="").encode(),
    "percent, every byte": lambda s: b"".join(b"%%%02x" % byte for byte in s.encode()),
    "hex": lambda s: s.encode().hex().encode(),
    "HEX": lambda s: s.encode().hex().upper().encode(),
    "json": lambda s: json.dumps(s).encode(),
    "json, utf-8": lambda s: json.dumps(s, ensure_ascii=False).encode(),
    "json twice": lambda s: json.dumps(json.dumps(s)).encode(),
    "json of Go": lambda s: _guard(json.dumps(s, ensure_ascii=False), "<>&").encode(),
    "json of PHP": lambda s: _guard(json.dumps(s).replace("/", "\\/"), "<>&'", "X").encode(),
    "json, every letter": lambda s: re.sub(rb"(....)", rb"\\u\1", s.encode("utf-16-be").hex().encode()),
    "ASCII": lambda s: ascii(s).encode(),
    "bytes": lambda s: repr(s.encode()).encode(),
    "repr": lambda s: repr(s).encode(),
    "shell": lambda s: shlex.quote(s).encode(),
    "shell '\\''": lambda s: ("'" + s.replace("'", "'\\''") + "'").encode(),
    "shell $'…'": lambda s: ("$'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'").encode(),
    "shell $'…', octal": lambda s: _c(s, "'", "\\{:03o}"),
    "shell $'…', \\x": lambda s: _c(s, "'", "\\x{:02x}"),
    "shell $'…', \\X": lambda s: _c(s, "'", "\\x{:02X}"),
    "every byte in octal": lambda s: b"".join(b"\\%03o" % byte for byte in s.encode()),
    "every byte with \\x": lambda s: b"".join(b"\\x%02x" % byte for byte in s.encode()),
    "C": lambda s: _c(s, '"', "\\{:03o}"),
    "SQL": lambda s: ("'" + s.replace("'", "''") + "'").encode(),
    "HTML": lambda s: html.escape(s).encode(),
    "HTML, &#39;": lambda s: html.escape(s).replace("&#x27;", "&#39;").encode(),
    "HTML, &#60;": lambda s: _numbered(s, "&#{};"),
    "HTML, &#x3c;": lambda s: _numbered(s, "&#x{:x};"),
    "HTML, &#x3C;": lambda s: _numbered(s, "&#x{:X};"),
    "HTML, every letter": lambda s: "".join(f"&#{ord(c)};" for c in s).encode(),
    "HTML, every letter, hex": lambda s: "".join(f"&#x{ord(c):x};" for c in s).encode(),
    "HTML, ASCII": lambda s: html.escape(s).encode("ascii", "xmlcharrefreplace"),
    "XML": lambda s: html.escape(s).replace("&#x27;", "&apos;").encode(),
    "colours between": lambda s: b"\x1b[31m".join(c.encode() for c in s),
    "grep's colours": lambda s: b"\x1b[01;31m\x1b[K" + s[:3].encode() + b"\x1b[m\x1b[K" + s[3:].encode(),
    "wrapped": lambda s: b"\r\n".join(s[i : i + 4].encode() for i in range(0, len(s), 4)),
    "backspaces": lambda s: s[:3].encode() + b"xy\x08 \x08\x08 \x08" + s[3:].encode(),
    "overstruck": lambda s: b"".join(c.encode() + b"\x08" + c.encode() for c in s),
    "then a backspace": lambda s: s.encode() + b"\x08\x08",
    "in a window title": lambda s: b"\x1b]0;" + s.encode() + b"\x07",
    "CSI of eight bits": lambda s: b"\x9b31m".join(c.encode() for c in s if c.isascii()) if s.isascii() else s.encode(),
    "CSI of eight bits in UTF-8": lambda s: b"\xc2\x9b31m".join(c.encode() for c in s),
    "shift out and in": lambda s: s[:3].encode() + b"\x0e\x0f" + s[3:].encode(),
    "character sets": lambda s: b"\x1b(B".join(c.encode() for c in s),
    "zero width": lambda s: "\u200b".join(s).encode(),
    "joiners": lambda s: "\u200d".join(s).encode(),
    "soft hyphens": lambda s: "\u00ad".join(s).encode(),
    "byte order marks": lambda s: "\ufeff".join(s).encode(),
    "tabs": lambda s: b"\t".join(c.encode() for c in s),
    "bells and deletes": lambda s: b"\x07\x7f".join(c.encode() for c in s),
    "a title between": lambda s: s[:3].encode() + b"\x1b]0;t\x07" + s[3:].encode(),
    "wrapped and indented": lambda s: b"\r\n    ".join(s[i : i + 5].encode() for i in range(0, len(s), 5)),
    "percent, mixed case": lambda s: b"".join(
        (b"%%%02x" if at % 2 else b"%%%02X") % byte for at, byte in enumerate(s.encode())
    ),
    "percent, three times": lambda s: quote(quote(quote(s, safe=""), safe=""), safe="").encode(),
    "JSON three deep": lambda s: json.dumps(json.dumps(json.dumps(s))).encode(),
    "JSON in a URL": lambda s: quote(json.dumps(s)).encode(),
    "a URL in JSON": lambda s: json.dumps(quote(s, safe="")).encode(),
    "HTML twice": lambda s: html.escape(html.escape(s)).encode(),
    "HTML, numbers with zeros": lambda s: "".join(f"&#x{ord(c):04X};" for c in s).encode(),
    "\\x{…}": lambda s: "".join(f"\\x{{{ord(c):x}}}" for c in s).encode(),
    "\\u{…}": lambda s: "".join(f"\\u{{{ord(c):x}}}" for c in s).encode(),
    "base64 twice": lambda s: base64.b64encode(base64.b64encode(s.encode())),
    "base64 twice, with a name": lambda s: base64.b64encode(b"u:" + base64.b64encode(b"ab" + s.encode() + b"zz")),
    "base64 of UTF-16": lambda s: base64.b64encode(s.encode("utf-16-le")),
    "base64 of UTF-16, big end first": lambda s: base64.b64encode(b"x" + s.encode("utf-16-be")),
    "base64 of JSON": lambda s: base64.b64encode(json.dumps({"a": s}).encode()),
    "base64 of a URL": lambda s: base64.b64encode(quote(s, safe="").encode()),
    "base64 in a URL": lambda s: quote(base64.b64encode(s.encode()), safe="").encode(),
    "base64, wrapped and indented": lambda s: b"\n   ".join(
        base64.b64encode(s.encode())[at : at + 6] for at in range(0, 2 * len(s.encode()), 6)
    ),
    "hex with :": lambda s: s.encode().hex(":").encode(),
    "hex with -": lambda s: s.encode().hex("-").encode(),
    "HEX with blanks": lambda s: s.encode().hex(" ").upper().encode(),
    "0x, 0x": lambda s: ", ".join(f"0x{byte:02x}" for byte in s.encode()).encode(),
    "quotes between": lambda s: (s[:3] + "''" + s[3:]).encode(),
    "quoted-printable": lambda s: quopri.encodestring(s.encode(), quotetabs=True),
    "quoted-printable, every byte": lambda s: b"".join(b"=%02X" % byte for byte in s.encode()),
    "quoted-printable, soft line ends": lambda s: b"=\r\n".join(
        quopri.encodestring(letter.encode(), quotetabs=True) for letter in s
    ),
    "accents on every letter": lambda s: "".join(letter + "\u0336" for letter in s).encode(),
    "sequences that controls interrupt": lambda s: b"\x1b[3\x071m".join(letter.encode() for letter in s),
    "xxd": lambda s: _dump(s, lambda at, raw: f"{at:08x}: {_words(raw):39}  {_column(raw)}"),
    "xxd, behind blanks": lambda s: _dump(s, lambda at, raw: f"    {at:08x}: {_words(raw):39}  {_column(raw)}"),
    "xxd -p": lambda s: b"\n".join(
        ("6e616d65" + s.encode().hex())[at : at + 24].encode() for at in range(0, 8 + 2 * len(s.encode()), 24)
    ),
    "hexdump -C": lambda s: _dump(
        s, lambda at, raw: f"{at:08x}  {raw[:8].hex(' '):23}  {raw[8:].hex(' '):23}  |{_column(raw)}|"
    ),
    "hexdump": lambda s: _dump(s, lambda at, raw: f"{at:07x} " + " ".join(f"{word:04x}" for word in _little(raw))),
    "od": lambda s: _dump(s, lambda at, raw: f"{at:07o} " + " ".join(f"{word:06o}" for word in _little(raw))),
    "od -c": lambda s: _dump(s, lambda at, raw: f"{at:07o}{_letters(raw)}"),
    "od -An -c": lambda s: _dump(s, lambda _, raw: _letters(raw)),
    "od -b": lambda s: _dump(s, lambda at, raw: f"{at:07o} " + " ".join(f"{byte:03o}" for byte in raw)),
    "od -tx1": lambda s: _dump(s, lambda at, raw: f"{at:07o} " + raw.hex(" ")),
    "od -An -tx1": lambda s: _dump(s, lambda _, raw: " " + raw.hex(" ")),
    "hex of base64": lambda s: base64.b64encode(s.encode()).hex().encode(),
    "base64 of hex": lambda s: base64.b64encode(s.encode().hex().encode()),
    "percent of base64": lambda s: b"".join(b"%%%02X" % byte for byte in base64.b64encode(s.encode())),
    "base64 of colours": lambda s: base64.b64encode(b"\x1b[1m".join(letter.encode() for letter in s)),
    "base64, wrapped, of JSON of a URL": lambda s: base64.encodebytes(
        json.dumps({"url": quote(s, safe="")}).encode() * 3
    ),
    "xxd -b -c 8": lambda s: _dump(s, _bits, 8),
    "base64 of xxd": lambda s: base64.b64encode(
        _dump(s, lambda at, raw: f"{at:08x}: {_words(raw):39}  {_column(raw)}")[1:]
    ),
    "base64 of hexdump -C": lambda s: base64.b64encode(
        _dump(s, lambda at, raw: f"{at:08x}  {raw.hex(' '):48}  |{_column(raw)}|")
    ),
    "base32 0": lambda s: base64.b32encode(s.encode()),
    "base32 1": lambda s: base64.b32encode(b"u" + s.encode() + b"zz"),
    "base32 3": lambda s: base64.b32encode(b"u: " + s.encode() + b"z"),
    "base32, wrapped, small letters": lambda s: b"\n".join(
        base64.b32encode(b"u:" + s.encode() + b"z").lower()[at : at + 9] for at in range(0, 2 * len(s.encode()) + 8, 9)
    ),
    "UTF-16": lambda s: s.encode("utf-16-le"),
}
