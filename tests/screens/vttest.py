"""What `vttest`, the public test of terminals, sends: recorded from the program itself."""

from __future__ import annotations

import time

import pexpect

_MENUS = ("1", "2", "4", "7", "8", "0")
"""Cursor, screen, double size, VT52, insert and delete; and the end."""
_ANSWERS = (
    (b"\x1b[0c", b"\x1b[?65;1;2;4;6;7;9;15;18;21;22c"),
    (b'\x1bP$q"p\x1b\\', b'\x1bP1$r65;1"p\x1b\\'),
    (b"\x1bZ", b"\x1b[?6c"),
)
"""What it asks its terminal before it goes on, and what a terminal would say."""
_PATIENCE = 0.6
"""Seconds without a word after which it waits for an answer that it does not need."""


def recorded() -> bytes:
    """All that came from it. Raises `AssertionError` when it does not come to its end."""
    child = pexpect.spawn("vttest", ["24x80.132"], dimensions=(24, 80))
    child.delaybeforesend = None
    sent, done, menus, last, deadline = b"", 0, list(_MENUS), time.monotonic(), time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            new = child.read_nonblocking(65536, timeout=0.02)
        except pexpect.TIMEOUT:
            new = b""
        except pexpect.EOF:
            return sent
        sent += new
        answers = [answer for question, answer in _ANSWERS if question in new]
        waits = sent[done:]
        if b"Enter choice number" in waits:
            answers = [menus.pop(0).encode() + b"\r"]
        elif not new and (b"RETURN" in waits or time.monotonic() - last > _PATIENCE):
            answers = [b"\r"]
        if answers or new:
            last = time.monotonic()
        if answers:
            done = len(sent)
            child.send(b"".join(answers))
    raise AssertionError(f"vttest hangs: {sent[-500:]!r}")
