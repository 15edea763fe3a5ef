"""One file of a journal, open for writing: events go to its logical end, into preallocated space."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Self

from midwatch.incident.permissions import open_file
from midwatch.journal.codec import LONGEST
from midwatch.journal.preallocation import Preallocation
from midwatch.journal.reader import blocks_behind
from midwatch.system.durable import sync_folder
from midwatch.system.errors import Failed

LEAVE = "Leave and resume the incident; what is on the disk then counts"


class NotStored(Exception):
    """A segment could not store an event."""

    def __init__(self, sentence: str, *, hint: str, left: bool, lasting: bool) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.left = left
        """Bytes of the event may stand there, so that no other event may ever have its number."""
        self.lasting = lasting
        """The part takes no more until it is opened anew: the disk failed, not its room."""

    def failed(self) -> Failed:
        """Return the same fault as an error for people."""
        return Failed(self.sentence, hint=self.hint)


def make_ahead(path: Path, *, like: int) -> None:
    """Make the empty file of a later part before an event names it. Raises `OSError`."""
    os.close(_made(path, like))
    sync_folder(path.parent)


def _made(path: Path, like: int) -> int:
    descriptor = open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        if like >= 0:
            model = os.fstat(like)
            if model.st_gid != os.fstat(descriptor).st_gid:
                os.fchown(descriptor, -1, model.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(model.st_mode) & ~stat.S_IWOTH)
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


class Segment:
    """An open file. Not safe to use from several threads: the journal has the mutex."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over an open file; use `create` or `open`."""
        self.path = path
        self.descriptor = descriptor
        self.end = 0
        """Offset behind the last event."""
        self.reserve = Preallocation(descriptor)
        self.broken: NotStored | None = None
        """Why it takes no more events."""
        self._foreign = False

    @classmethod
    def create(cls, path: Path, *, like: int = -1) -> Self:
        """Make it, with space for events; file, name and space are on disk when this returns. Raises `OSError`.

        It is as open as its folder; or, of a part elsewhere, as the file `like`, whose mode and group it gets: whoever
        may read the one may read the other.
        """
        descriptor = _made(path, like)
        try:
            part = cls(path, descriptor)
            part._begin(LONGEST if like >= 0 else 1)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return part

    @classmethod
    def claim(cls, path: Path, *, like: int) -> Self:
        """Begin the part whose file was made ahead (`make_ahead`), or make it where it is gone. Raises `OSError`."""
        try:
            descriptor = open_file(path, os.O_RDWR)
        except FileNotFoundError:
            return cls.create(path, like=like)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid() or os.pread(descriptor, 1, 0).strip(b"\0"):
                raise OSError(errno.EEXIST, "another file has that name", str(path))
            part = cls(path, descriptor)
            part._begin(LONGEST)
        except OSError:
            os.close(descriptor)
            raise
        return part

    def _begin(self, needed: int) -> None:
        """Take the space of the first events, and put file, name and space on disk."""
        self.reserve.ahead(0)
        if self.reserve.size < needed and (reason := self.reserve.hold(needed)):
            raise reason
        os.fsync(self.descriptor)
        sync_folder(self.path.parent)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Go on with it. Raises `OSError`."""
        return cls(path, open_file(path, os.O_RDWR))

    @property
    def free(self) -> int:
        """Bytes that events can still take when the disk is full."""
        return self.reserve.size - self.end

    def store(self, data: bytes, *, keep: int = 0, over: int = 0) -> None:
        """Put `data` at the end, over `over` bytes of a torn event; on disk when this returns. Raises `NotStored`.

        `keep` bytes of space have to be left behind it. Raises `Failed` when somebody else writes there too.
        """
        if self._foreign:
            raise Failed("Another process writes to this journal", hint=LEAVE)
        if self.broken:
            raise self.broken
        self.reserve.ahead(self.end)
        if reason := self.reserve.hold(self.end + len(data) + keep):
            sentence = f"An event cannot be stored: {reason.strerror}, and the journal's reserve is used up"
            hint = f"Make room on the disk of {self.path.parent}, then do it again"
            raise NotStored(sentence, hint=hint, left=False, lasting=False)
        try:
            foreign = not over and os.pread(self.descriptor, 1, self.end).strip(b"\0")
        except OSError as error:
            raise self._break(f"The disk does not give the journal back ({error.strerror})") from error
        if foreign:
            self._foreign = True
            raise Failed("Another process writes to this journal", hint=LEAVE)
        self._write(data.ljust(over, b"\0"))
        self.end += len(data)

    def blank(self, count: int) -> None:
        """Set `count` bytes of a torn event back to NUL. Raises `Failed`.

        Nothing is synced: the events are elsewhere then, and what a power cut brings back is passed over as it was
        before.
        """
        try:
            os.pwrite(self.descriptor, bytes(count), self.end)
        except OSError as error:
            raise Failed(f"The journal {self.path} cannot be repaired: {error.strerror}", hint=LEAVE) from error

    def holds(self, data: bytes) -> bool:
        """Whether the disk itself, not its cache, gives back that the part ends with `data`. Raises `OSError`."""
        os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.pread(self.descriptor, len(data), self.end - len(data)) == data

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def torn(self) -> bytes:
        """What stands behind the end up to the last byte that is not NUL: what a crash left of a line, or damage.

        Raises `OSError`, and `ValueError` when it is more than a line can be.
        """
        torn = b""
        for offset, block in blocks_behind(self.descriptor, self.end):
            if block.strip(b"\0"):
                if offset - self.end > 1 << 20:
                    raise ValueError("more than a line stands behind the last event")
                torn = torn.ljust(offset - self.end, b"\0") + block.rstrip(b"\0")
        return torn

    def _write(self, data: bytes) -> None:
        """Put the bytes at the logical end, and on disk; or leave the end as it was."""
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self.descriptor, data[written:], self.end + written)
        except OSError as error:  # a copy-on-write file system does not honour the reserve; or the disk is failing
            try:
                if written:
                    os.pwrite(self.descriptor, bytes(written), self.end)
            except OSError:
                raise self._break(f"A write to the journal failed ({error.strerror}) and left half an event") from error
            sentence, hint = f"The event cannot be stored: {error.strerror}", f"Look at the disk of {self.path}"
            raise NotStored(sentence, hint=hint, left=False, lasting=False) from error
        try:
            os.fdatasync(self.descriptor)
        except OSError as error:
            # The kernel may have dropped the page and forgotten the error: a second try would report a success that is
            # none.
            raise self._break(
                f"The disk did not take the journal ({error.strerror}), and no later event can be trusted to it"
            ) from error

    def _break(self, sentence: str) -> NotStored:
        """Bytes of the event may stand there now."""
        self.broken = NotStored(sentence, hint=LEAVE, left=True, lasting=True)
        return self.broken
