"""`midwatch` at the end of a line of which the bytes count: what was sent, how much, and what a terminal would show of
it."""

from __future__ import annotations

import os
import re
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.support.program import MIDWATCH
from tests.support.pty_child import end_child
from tests.support.waiting import PATIENCE_S

BETWEEN_S = 1.2
"""Between two presses of one key: sooner, the second would pass for a key that is held."""
_SEQUENCE = re.compile(r"\x1b\[(?P<csi>[<=>?]?[0-9;:]*[ -/]*[@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")
_UNFINISHED = re.compile(r"\x1b(?:\[[<=>?0-9;: -/]*|\][^\x07\x1b]*\x1b?|[ -/]*)?$")


class Cells:
    """Signs and styles of a terminal, as far as our screen needs one: the cursor set, colours, text of one cell a
    sign."""

    def __init__(self, rows: int, columns: int) -> None:
        self._signs = [[" "] * columns for _ in range(rows)]
        self._styles = [[""] * columns for _ in range(rows)]
        self._at, self._style, self._rest = (0, 0), "", ""

    def feed(self, text: str) -> None:
        """Take in what was sent; a sequence may come in pieces."""
        text = self._rest + text
        cut = _UNFINISHED.search(text)
        self._rest, text = (text[cut.start() :], text[: cut.start()]) if cut else ("", text)
        end = 0
        for sequence in _SEQUENCE.finditer(text):
            self._write(text[end : sequence.start()])
            self._obey(sequence["csi"] or "")
            end = sequence.end()
        self._write(text[end:])

    def _obey(self, csi: str) -> None:
        if csi.endswith("H"):
            row, _, column = csi[:-1].partition(";")
            self._at = (int(row or 1) - 1, int(column or 1) - 1)
        elif csi.endswith("m") and csi[0] not in "<=>?":  # ours begin from nothing each time, or follow a reset
            self._style = csi[:-1].removeprefix("0").removeprefix(";")

    def _write(self, text: str) -> None:
        row, column = self._at
        for sign in text:
            if sign == "\n":
                row += 1
            elif sign == "\r":
                column = 0
            elif row < len(self._signs) and column < len(self._signs[row]):
                self._signs[row][column], self._styles[row][column] = sign, self._style
                column += 1
        self._at = row, column

    @property
    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self._signs)

    @property
    def cells(self) -> list[list[tuple[str, str]]]:
        """Sign and style of each cell, by row."""
        return [list(zip(*both, strict=True)) for both in zip(self._signs, self._styles, strict=True)]


class Line:
    """The program on a pseudo-terminal of this size."""

    def __init__(self, folder: Path, *arguments: str, rows: int, columns: int) -> None:
        self.sent, self.shown = b"", Cells(rows, columns)
        environment = os.environ | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLORTERM": "truecolor"}
        self.child = pexpect.spawn(
            str(MIDWATCH), list(arguments), cwd=folder, env=environment, timeout=30, dimensions=(rows, columns)
        )
        self.child.delaybeforesend = None
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    @property
    def memory(self) -> int:
        """The most that it ever held, in KiB."""
        status = Path(f"/proc/{self.child.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0])

    def resize(self, rows: int, columns: int) -> None:
        self.shown = Cells(rows, columns)
        self.child.setwinsize(rows, columns)

    def take(self, seconds: float) -> bytes:
        """What comes next, within so many seconds; empty when nothing does."""
        try:
            new = self.child.read_nonblocking(65536, timeout=max(seconds, 0))
        except pexpect.TIMEOUT:
            return b""
        self.sent += new
        self.shown.feed(self._decode(new))
        return new

    def count(self, seconds: float) -> int:
        """How many bytes come in so many seconds."""
        until, found = time.monotonic() + seconds, 0
        while (left := until - time.monotonic()) > 0:
            found += len(self.take(left))
        return found

    def shows(self, condition: Callable[[str], bool]) -> None:
        """Take in what comes until what stands there is such."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition(self.shown.text):
            assert time.monotonic() < deadline, f"it never came to that:\n{self.shown.text}"
            self.take(1)

    def press(self, key: str, condition: Callable[[], bool]) -> None:
        """Press it until this is so: a key that comes before its dialog stands is not heard."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"{key!r} never did that:\n{self.shown.text}"
            self.child.send(key)
            again = time.monotonic() + BETWEEN_S
            while not condition() and time.monotonic() < again:
                self.take(0.1)

    def quiet(self) -> None:
        """Take in what comes until for a moment nothing but the clock does."""
        while self.count(0.15) > 400:
            pass


@contextmanager
def lines() -> Iterator[list[Line]]:
    """Those that are put in here are ended at the end."""
    opened: list[Line] = []
    try:
        yield opened
    finally:
        for line in opened:
            end_child(line.child)
