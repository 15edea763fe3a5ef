"""Reads a journal: whole, or as it grows. Reading never changes the file and needs no lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.errors import BadInput, Failed, Place
from midwatch.incident.events import Event
from midwatch.journal.line import LONGEST, NO_LINE, decode, digest

_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """One complete line as it stands in the file."""

    number: int
    """Counted from 1."""
    end: int
    """Offset of the byte after its newline."""
    data: bytes
    """Without the newline."""


def stored_lines(descriptor: int, *, start: int = 0, number: int = 0) -> Iterator[Stored]:
    """The complete lines from byte `start` on; the first one is line `number + 1`.

    The journal ends at the first NUL byte or the end of the file; a line that is not complete there is left out.
    A line longer than a line may be comes cut, with its first bytes only, so that memory stays flat on rubbish.
    Raises `OSError`.
    """
    pending, end = b"", start
    while True:
        block = os.pread(descriptor, _BLOCK, end + len(pending))
        stop = block.find(b"\0")
        last = stop >= 0 or len(block) == 0
        pieces = (pending + (block[:stop] if stop >= 0 else block)).split(b"\n")
        pending = pieces.pop()
        for piece in pieces:
            number, end = number + 1, end + len(piece) + 1
            yield Stored(number, end, piece)
        if len(pending) > 2 * LONGEST:
            yield Stored(number + 1, end + len(pending), pending[: LONGEST + 1])
            return
        if last:
            return


def read(path: Path) -> list[Event]:
    """Every complete event of a journal. Raises `BadInput` naming the line that is none, `Failed` when it cannot be read.

    A torn last line, which a crash can leave, is left out; `Journal.open` repairs it. Whether the events are the ones
    that were written is another question: `midwatch.journal.verify`.
    """
    return Tail(path).poll()


class Tail:
    """Follows a journal while another process writes it, and while it is repaired or trimmed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0
        self._number = 0
        self._head = NO_LINE

    def poll(self) -> list[Event]:
        """The complete events that came since the last call. Costs some 20 µs when there are none.

        Raises `BadInput` when the file holds a line that is no event, or no longer continues what was read before, and
        `Failed` when it cannot be read. After an error the same events are tried again.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                lines = list(stored_lines(descriptor, start=self._end, number=self._number))
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise BadInput(f"There is no journal {self.path}", hint="See which there are: midwatch incidents") from None
        except OSError as error:
            raise Failed(f"The journal {self.path} cannot be read: {error.strerror}") from error
        found: list[Event] = []
        end, head = self._end, self._head
        for line in lines:
            try:
                event, prev = decode(line.data)
            except ValueError as error:
                if line is lines[-1]:  # torn by a crash, and its writer will cut it when it comes back
                    break
                raise BadInput(f"This line of the journal is not an event: {error}", place=_place(self.path, line)) from None
            if self._end and not found and prev != self._head:
                raise BadInput("The journal was changed behind what was read already", place=_place(self.path, line))
            found.append(event)
            end, head = line.end, digest(line.data)
        self._number += len(found)
        self._end, self._head = end, head
        return found


def _place(path: Path, line: Stored) -> Place:
    return Place(str(path), line.number)
