"""Removes control sequences and bidi overrides from untrusted text."""

from __future__ import annotations

import json
import re
from unicodedata import category, east_asian_width

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: cursor, colours, modes
    # OSC, DCS …: title, clipboard, links
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,65536}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,4}[0-~]"
)
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_INVISIBLE = "\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\ufff9\ufffa\ufffb\u2028\u2029\u3164\uffa0"
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_BIDI}{_INVISIBLE}\U000e0000-\U000e007f]")
_TAB_STOP = 8


def safe_text(text: str, *, newlines: bool = False, tabs: bool = False) -> str:
    """The text without escape sequences, other controls made visible (`^G`, `<9B>`, `<U+202E>`).

    Line ends stay with `newlines`, else they are shown as `⏎`. Tabs stay with `tabs`, else they become the blanks up to
    the next stop, of which there is one in eight cells. Plain text comes back as it is.
    """
    if text.isascii() and (text.replace("\n", "") if newlines else text).isprintable():
        return text
    text = _ESCAPE.sub("", text).replace("\r\n", "\n")
    text = _CONTROL.sub(_visible, text)
    if not tabs and "\t" in text:
        text = text.expandtabs(_TAB_STOP) if text.isascii() else "\n".join(map(_with_stops, text.split("\n")))
    return text if newlines else text.replace("\n", "⏎")


def has_controls(text: str) -> bool:
    """Whether the text has controls, invisible signs or bytes that are no UTF-8, besides whole escape sequences."""
    return _CONTROL.search(_ESCAPE.sub("", text)) is not None


def _with_stops(line: str) -> str:
    *columns, last = line.split("\t")
    return "".join(column + " " * (_TAB_STOP - _cells(column) % _TAB_STOP) for column in columns) + last


def _cells(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else category(sign) not in ("Mn", "Me", "Cf") for sign in text)


def json_text(text: str) -> str:
    """A JSON text in which what could command a terminal stands as `\\uXXXX`: safe to show, and the same data."""
    return _CONTROL.sub(lambda match: json.dumps(match.group())[1:-1], text)


def safe_bytes(data: bytes) -> str:
    """Bytes as one line that is safe to show; bytes that are no UTF-8 are shown as `<FF>`."""
    return safe_text(data.decode("utf-8", "surrogateescape"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return f"^{chr(code + 0x40)}"
    if code == 0x7F:
        return "^?"
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no UTF-8
        return f"<{code - 0xDC00:02X}>"
    return f"<{code:02X}>" if code < 0x100 else f"<U+{code:04X}>"
