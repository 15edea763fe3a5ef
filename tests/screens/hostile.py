"""What hostile text may hold, by the standards: ECMA-48, xterm's control sequences, Unicode's bidirectional algorithm.

Each piece stands between two words, so that one can see that the line itself is shown.
"""

from __future__ import annotations

import base64
import json
import re
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

_OWNED = base64.b64encode(b"rm -rf /").decode()
PIECES: dict[str, bytes] = {
    # OSC: what a terminal is told beside the text
    "clipboard (OSC 52)": f"\x1b]52;c;{_OWNED}\x07".encode(),
    "clipboard, ended by ST": f"\x1b]52;p;{_OWNED}\x1b\\".encode(),
    "clipboard, 8-bit": b"\xc2\x9d52;c;" + _OWNED.encode() + b"\xc2\x9c",
    "title (OSC 0)": b"\x1b]0;pwned\x07",
    "title (OSC 2)": b"\x1b]2;pwned\x1b\\",
    "icon (OSC 1)": b"\x1b]1;pwned\x07",
    "palette (OSC 4)": b"\x1b]4;1;rgb:00/00/00\x07",
    "colours asked for (OSC 10)": b"\x1b]10;?\x07",
    "link (OSC 8)": b"\x1b]8;;http://evil.example/\x07here\x1b]8;;\x07",
    "notification (OSC 9)": b"\x1b]9;pwned\x07",
    "notification (OSC 777)": b"\x1b]777;notify;a;b\x07",
    "file (OSC 1337)": b"\x1b]1337;File=name=eA==:eA==\x07",
    "OSC that never ends": b"\x1b]0;" + b"x" * 5000,
    # DCS, APC, PM, SOS
    "DECRQSS": b'\x1bP$q"p\x1b\\',
    "sixel": b"\x1bPq#0;2;0;0;0#0~~@@\x1b\\",
    "DECUDK": b"\x1bP0;1|17/726d\x1b\\",
    "tmux passthrough": b"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\",
    "DCS, 8-bit": b"\xc2\x90+q544e\xc2\x9c",
    "APC (kitty picture)": b"\x1b_Gf=24,s=1,v=1;AAAA\x1b\\",
    "PM": b"\x1b^private\x1b\\",
    "SOS": b"\x1bXstring\x1b\\",
    "screen's title": b"\x1bkpwned\x1b\\",
    # CSI: cursor, modes, reports
    "erase all": b"\x1b[2J\x1b[3J\x1b[H",
    "leave the other screen": b"\x1b[?1049l",
    "hide the cursor": b"\x1b[?25l",
    "mouse on": b"\x1b[?1003h\x1b[?1006h",
    "bracketed paste off": b"\x1b[?2004l",
    "insert mode": b"\x1b[4h",
    "scroll region": b"\x1b[5;6r",
    "reports": b"\x1b[c\x1b[>c\x1b[6n\x1b[?6n\x1b[5n\x1b[x",
    "window moved, asked for its title": b"\x1b[3;0;0t\x1b[21t\x1b[8;1;1t",
    "print": b"\x1b[5i\x1b[?5i\x1b[4i",
    "soft reset": b"\x1b[!p",
    "repeat": b"A\x1b[99999999b",
    "colours": b"\x1b[31;1;5mred\x1b[0m\x1b[38;2;0;0;0;48;2;0;0;0mhidden\x1b[8mconcealed\x1b[0m",
    "CSI, 8-bit": b"\xc2\x9b2J\xc2\x9b31m",
    "CSI, a bare byte": b"\x9b2J\x9b31m",
    "CSI that never ends": b"\x1b[" + b"1;" * 3000,
    "CSI cut by another": b"\x1b[\x1b[2J\x1b[1\x1b]0;x\x07",
    # ESC and C0
    "full reset": b"\x1bc",
    "character sets": b"\x1b(0\x1b)0\x0e\x0f\x1bn\x1bo",
    "cursor saved": b"\x1b7\x1b8\x1bD\x1bM\x1bE",
    "alignment test": b"\x1b#8",
    "lone ESC": b"\x1b",
    "bells": b"\x07\x07\x07",
    "answerback": b"\x05",
    "NUL": b"a\x00b",
    "XON and XOFF": b"\x11\x13",
    "backspaces": b"rm\x08\x08ls",
    "DEL": b"x\x7fy",
    "form feed": b"a\x0cb\x0bc",
    # Unicode
    "bidi override": "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c".encode(),
    "invisible": "a\u200bb\u2060c\ufeffd\u00ade\u180e".encode(),
    "tags": "x\U000e0041\U000e007fy".encode(),
    "line separators": "a\u2028b\u2029c".encode(),
    "no UTF-8": b"\xff\xfe\xc0\xaf\xed\xa0\x80\xf8",
    "zalgo": ("z" + "\u0301" * 200).encode(),
    "C1 of every kind": "".join(map(chr, range(0x80, 0xA0))).encode(),
    # what a library might read
    "markup": b"[red]x[/red] [/] [@click=app.quit]x[/] [link=http://x]y[/link] \\[",
    "format": b"%s %n {0} {x!r} $(touch owned) `touch owned`",
    "a long line": b"L" * 70_000,
}
INTRODUCERS = re.compile(r"\x1b[\]PX^_k]|[\x80-\x9f]")
BIDI = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u00ad\u180e\U000e0000-\U000e007f]")
CSI = re.compile(r"\x1b\[([<=>?]?)([0-9;:]*)([ -/]*)([@-~])")

SCREEN = frozenset({"m", "H", "?h", "?l", ">u", "<u", "?$p", "K", "J", ">m", "?u"})
"""The control sequences of our own screen: colours, cursor positions, modes at its begin and end."""
POINTER = b"\x1b]22;default\x07"
"""The shape of the pointer, which Textual sets: the one operating system command that is ours."""


def lines() -> bytes:
    """The corpus, a line a piece."""
    return b"".join(b"begin " + piece + b" end\n" for piece in PIECES.values())


def strange(sent: bytes, allowed: frozenset[str]) -> set[str]:
    """What stands in the bytes sent to a terminal that no text and no screen of ours has any business to send.

    `allowed` are the control sequences that the screen itself sends: private mark, intermediates and final byte.
    """
    text = sent.decode("utf-8", "surrogateescape")
    found = {repr(match.group()) for pattern in (INTRODUCERS, BIDI) for match in pattern.finditer(text)}
    found |= {f"byte {ord(sign) - 0xDC00:02X}" for sign in text if 0xDC80 <= ord(sign) <= 0xDCFF}
    for mark, _, middle, final in CSI.findall(text):
        if mark + middle + final not in allowed:
            found.add(f"CSI {mark}{middle}{final}")
    rest = CSI.sub("", text)
    return (
        found
        | {repr(sign) for sign in rest if ord(sign) < 0x20 and sign not in "\r\n"}
        | ({"DEL"} if "\x7f" in rest else set())
    )


SAID = "".join(piece.decode("utf-8", "replace") for piece in PIECES.values() if len(piece) < 200).replace("\0", "")


class HostileServer(socketserver.StreamRequestHandler):
    """A PostgreSQL server that refuses everybody, in words of the corpus."""

    def handle(self) -> None:
        while (start := self.rfile.read(8)) and struct.unpack("!II", start)[1] != 3 << 16:
            self.wfile.write(b"N")  # no TLS here
        fields = b"".join(kind + SAID.encode() + b"\0" for kind in (b"M", b"D", b"H"))
        body = b"SFATAL\0C28P01\0" + fields + b"\0"
        self.wfile.write(b"E" + struct.pack("!I", len(body) + 4) + body)


class HostileEngine(BaseHTTPRequestHandler):
    """A container engine whose names, images and states are the corpus."""

    def do_GET(self) -> None:
        one: dict[str, object] = dict.fromkeys(("Id", "Image", "ImageID", "Status", "State"), SAID)
        one |= {"Names": [f"/box{SAID}", "/box"], "Labels": {SAID: SAID}}
        known = {
            "/version": {"ApiVersion": "1.41", "Version": SAID, "MinAPIVersion": "1.24"},
            "/containers/json": [one],
            "/system/df": {"Images": [], "Containers": [one], "Volumes": [], "BuildCache": [], "LayersSize": 0},
        }
        path = re.sub(r"^/v[0-9.]+|\?.*", "", self.path)
        body = json.dumps(known.get(path, {"message": SAID})).encode()
        self.send_response(200 if path in known else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """It says nothing here."""


@contextmanager
def listening(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """The port at which it answers."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
