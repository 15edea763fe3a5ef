"""Reads a journal: all events, or new events as they arrive. Reading changes no file and needs no lock.

A journal whose disk takes no more events goes on in other files, which its own events name
(`midwatch.journal.fallback_locations`).
Every reader reads all files, and returns each event once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from midwatch.incident.events import Event
from midwatch.journal.codec import LONGEST, NO_LINE, decode, digest
from midwatch.journal.fallback import Home, open_fallback
from midwatch.journal.fallback_locations import Named, named_files
from midwatch.system.errors import BadInput, Failed, SourceLocation

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


def blocks_behind(descriptor: int, offset: int) -> Iterator[tuple[int, bytes]]:
    """What stands behind an offset, in blocks, each with its own offset. Holes are left out: a file of NULs may be
    huge."""
    while True:
        try:
            offset = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        block = os.pread(descriptor, _BLOCK, offset)
        if not block:
            return
        yield offset, block
        offset += len(block)


def opened(path: Path) -> int:
    """A descriptor for reading a file of a journal. Raises `OSError`; never waits, whatever has this name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(22, "It is no ordinary file", str(path))
    return descriptor


def read(path: Path) -> list[Event]:
    """Every complete event of a journal. Raises `BadInput` naming the line that is none, `Failed` when it cannot be
    read.

    A torn last line, which a crash can leave, is left out; `Journal.open` repairs it. Whether the events are the ones
    that were written is another question: `midwatch.journal.verify`.
    """
    return Tail(path).poll()


@dataclass(slots=True)
class _Follower:
    """How far one file was read."""

    end: int = 0
    number: int = 0
    last: bytes = b""
    """The line before `end`. A file that is made anew under the same name does not have it there."""


@dataclass(slots=True)
class _Reached:
    """How far a journal was read, over all its files."""

    home: _Follower = field(default_factory=_Follower)
    others: dict[Path, _Follower] = field(default_factory=dict)
    """The files in which it may go on."""
    named: dict[Path, Named] = field(default_factory=dict)
    """Whose these files have to be."""
    seq: int = 0
    head: str = NO_LINE
    ahead: dict[int, str] = field(default_factory=dict)
    """Hashes of events that were read in another file, and do not stand in the journal's own yet."""

    def copy(self) -> _Reached:
        others = {path: replace(follower) for path, follower in self.others.items()}
        return replace(self, home=replace(self.home), others=others, named=dict(self.named), ahead=dict(self.ahead))


class Tail:
    """Follows a journal while another process writes it, moves it, joins it, repairs and trims it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reached = _Reached()

    def poll(self) -> list[Event]:
        """The complete events that came since the last call. Costs some 20 µs when there are none.

        Raises `BadInput` when the file holds a line that is no event, or no longer continues what was read before, and
        `Failed` when it cannot be read. After an error the same events are tried again.
        """
        reached = self._reached.copy()
        try:
            descriptor = opened(self.path)
            try:
                home = Home.of(descriptor)
                lines = list(stored_lines(descriptor, start=reached.home.end, number=reached.home.number))
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise BadInput(f"There is no journal {self.path}", hint="See which there are: midwatch incidents") from None
        except OSError as error:
            raise Failed(f"The journal {self.path} cannot be read: {error.strerror}") from error
        found = self._from_home(reached, lines)
        followed = 0
        while followed < len(reached.others):  # one may name others
            found += self._from_other(reached, list(reached.others)[followed], home)
            followed += 1
        self._reached = reached
        return found

    def _from_home(self, reached: _Reached, lines: list[Stored]) -> list[Event]:
        """The events of the journal's own file that were not read before in another one."""
        found: list[Event] = []
        first = reached.home.end > 0
        for line in lines:
            try:
                event, prev = decode(line.data)
            except ValueError as error:
                if line is lines[-1]:  # torn by a crash, and its writer will cut it when it comes back
                    break
                raise BadInput(
                    f"This line of the journal is not an event: {error}", place=_place(self.path, line)
                ) from None
            known = reached.ahead.pop(event.seq, "")
            if (known and known != digest(line.data)) or (first and not known and prev != reached.head):
                raise BadInput("The journal was changed behind what was read already", place=_place(self.path, line))
            first = False
            reached.home.end, reached.home.number = line.end, line.number
            if not known:
                found.append(self._take(reached, event, line))
        return found

    def _from_other(self, reached: _Reached, file: Path, home: Home) -> list[Event]:
        """The events that go on in another file of a writer of this journal. What does not continue it is left to
        `verify`."""
        found: list[Event] = []
        follower = reached.others[file]
        with contextlib.suppress(OSError):
            descriptor = open_fallback(reached.named[file], home)
            try:
                last = follower.last + b"\n"
                if follower.end and os.pread(descriptor, len(last), follower.end - len(last)) != last:
                    follower.end, follower.number = 0, 0
                for line in stored_lines(descriptor, start=follower.end, number=follower.number):
                    try:
                        event, prev = decode(line.data)
                    except ValueError:
                        break
                    if not follower.end and event.seq <= reached.named[file].after:
                        break
                    if event.seq > reached.seq:
                        if event.seq != reached.seq + 1 or prev != reached.head:
                            break  # what lies between is being joined this moment, and comes with the next call
                        found.append(self._take(reached, event, line))
                        reached.ahead[event.seq] = reached.head
                    follower.end, follower.number, follower.last = line.end, line.number, line.data
            finally:
                os.close(descriptor)
        return found

    def _take(self, reached: _Reached, event: Event, line: Stored) -> Event:
        reached.seq, reached.head = event.seq, digest(line.data)
        for file, name in named_files((event,), self.path.parent.name).items():
            reached.others.setdefault(file, _Follower())
            reached.named[file] = name
        return event


def _place(path: Path, line: Stored) -> SourceLocation:
    return SourceLocation(str(path), line.number)
