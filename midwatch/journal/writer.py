"""Writes a journal: an event is on disk when `append` returns. One writer at a time, which the fence sees to."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from midwatch import locks
from midwatch.clock import Clock
from midwatch.errors import BadInput, Failed, Refused
from midwatch.incident.events import Event, Kind
from midwatch.incident.modes import open_file
from midwatch.journal.line import NO_LINE, decode, digest, encode
from midwatch.journal.reader import stored_lines
from midwatch.journal.reserve import Reserve
from midwatch.journal.verify import verify
from midwatch.supervisor.identity import boot_id
from midwatch.supervisor.result import sync_folder

Fence = Callable[[], None]
"""Raises when this process may write no more: somebody else took the wheel."""


class Journal:
    """An open journal. Safe to use from several threads of one process."""

    def __init__(self, path: Path, descriptor: int, *, actor: str, clock: Clock, fence: Fence | None) -> None:
        """Take over an open file; use `create` or `open`."""
        self.path = path
        self.actor = actor
        self.events: list[Event] = []
        """Every event of the file, in order. Grows by `append` only."""
        self.head = NO_LINE
        """The SHA-256 of the last line: told to others, it shows later tampering."""
        self._clock = clock
        self._boot = boot_id()
        self._descriptor = descriptor
        self._end = 0
        self._reserve = Reserve(descriptor)
        self._mutex = threading.Lock()
        self._fence = fence
        self._broken = ""

    @classmethod
    def create(cls, path: Path, *, actor: str, clock: Clock, fence: Fence | None = None) -> Self:
        """Begin a journal; the empty file, its name and its reserved space are on disk when this returns.

        `fence` is asked before every write, while nobody else can write or take the wheel.
        Raises `Refused` when there is one already, `Failed` when it cannot be made or the disk has no room at all.
        """
        try:
            descriptor = open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            raise Refused(f"There is a journal {path} already", hint="Resume its incident: midwatch") from None
        except OSError as error:
            raise _cannot("made", path, error) from error
        journal = cls(path, descriptor, actor=actor, clock=clock, fence=fence)
        try:
            journal._reserve.ahead(0)
            if journal._reserve.size == 0 and (reason := journal._reserve.hold(1)):
                raise reason
            os.fsync(descriptor)
            sync_folder(path.parent)
        except OSError as error:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise _cannot("made", path, error) from error
        return journal

    @classmethod
    def open(cls, path: Path, *, actor: str, clock: Clock, fence: Fence | None = None) -> Self:
        """Go on with a journal. A torn last line is cut, kept beside it, and the event `journal.repaired` tells so.

        Raises `Refused` when the chain of events is broken: going on would hide that. Raises `BadInput` when there is no
        journal and `Failed` when it cannot be opened or repaired.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise BadInput(f"There is no journal {path}", hint="See which there are: midwatch incidents") from None
        except OSError as error:
            raise _cannot("opened for writing", path, error) from error
        try:
            journal = cls(path, descriptor, actor=actor, clock=clock, fence=fence)
            with journal.alone():
                journal._take_in()
        except OSError as error:
            os.close(descriptor)
            raise _cannot("opened", path, error) from error
        except BaseException:
            os.close(descriptor)
            raise
        return journal

    @property
    def reserved(self) -> int:
        """Bytes that events can still take when the disk is full."""
        return self._reserve.size - self._end

    def append(self, kind: Kind | str, body: Mapping[str, Any]) -> Event:
        """Store one event; it is on disk when this returns, and what it announces may begin.

        Returns the event as a reader will see it. Raises `BadInput` for a body that cannot be stored, and `Failed` when
        the disk has no room left even in the reserve, or the write fails: then the event counts as not stored.
        """
        with self.alone():
            return self._append(kind, body, over=0)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes this journal, nor takes the wheel, in the meantime. Raises what the fence raises."""
        with self._mutex:
            if self._descriptor < 0:
                raise Refused("The journal is closed", hint="Resume the incident: midwatch")
            if self._fence is None:
                yield
                return
            try:
                locks.lock(self._descriptor)
            except OSError as error:
                raise _cannot("locked", self.path, error) from error
            try:
                self._fence()
                yield
            finally:
                locks.unlock(self._descriptor)

    def close(self, *, trim: bool = False) -> None:
        """Let go of the file; with `trim`, the space behind the last event goes back to the disk.

        Trimming that fails is no fault of the journal's: readers stop at the first NUL byte anyway.
        """
        if trim and not self._broken:
            with contextlib.suppress(OSError, Refused), self.alone():
                self._reserve.give_back(self._end)
                os.fsync(self._descriptor)
        with self._mutex:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _append(self, kind: Kind | str, body: Mapping[str, Any], *, over: int) -> Event:
        """Store an event over `over` bytes of a torn one."""
        if self._broken:
            raise Failed(self._broken, hint="Leave and resume the incident; what is on the disk then counts")
        now = self._clock.now()
        if self.events:
            now = max(now, self.events[-1].time)  # a clock that was set back must not disorder the timeline
        mono = round(self._clock.monotonic(), 6)
        event = Event(len(self.events) + 1, now, mono, self._boot, self.actor, str(kind), body)
        line = encode(event, self.head)
        event, _ = decode(line)
        data = line + b"\n"
        self._reserve.ahead(self._end)
        if reason := self._reserve.hold(self._end + len(data)):
            raise Failed(
                f"The event {kind} cannot be stored: {reason.strerror}, and the journal's reserve is used up",
                hint=f"Make room on the disk of {self.path.parent}, then do it again",
            )
        if not over and os.pread(self._descriptor, 1, self._end).strip(b"\0"):
            raise self._break("Another process writes to this journal")
        self._write(data.ljust(over, b"\0"))
        self._end += len(data)
        self.head = digest(line)
        self.events.append(event)
        return event

    def _write(self, data: bytes) -> None:
        """Put the bytes at the logical end, and on disk; or leave the end as it was."""
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self._end + written)
        except OSError as error:  # a copy-on-write file system does not honour the reserve; or the disk is failing
            try:
                os.pwrite(self._descriptor, bytes(written), self._end)
            except OSError:
                raise self._break(f"A write to the journal failed ({error.strerror}) and left half an event") from error
            raise Failed(f"The event cannot be stored: {error.strerror}", hint=f"Look at the disk of {self.path}") from error
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            # The kernel may have dropped the page and forgotten the error: a second try would report a success that is none.
            raise self._break(
                f"The disk did not take the journal ({error.strerror}), and no later event can be trusted"
            ) from error

    def _break(self, sentence: str) -> Failed:
        self._broken = sentence
        return Failed(sentence, hint="Leave and resume the incident; what is on the disk then counts")

    def _take_in(self) -> None:
        """Read what is there, check its chain, and cut what a crash left behind it."""
        size = self._reserve.size
        self._reserve.renew()
        for line in stored_lines(self._descriptor):
            try:
                event, prev = decode(line.data)
            except ValueError:
                break  # torn, if nothing follows; otherwise `_torn` refuses
            if event.seq != len(self.events) + 1 or prev != self.head:
                raise self._not_whole()
            self.events.append(event)
            self.head, self._end = digest(line.data), line.end
        torn = self._torn(size)
        if torn:
            body = {"dropped_bytes": len(torn), "dropped_sha256": hashlib.sha256(torn).hexdigest()}
            self._keep(torn)
            self._append(Kind.REPAIRED, body, over=len(torn))

    def _torn(self, size: int) -> bytes:
        """What stands behind the last event up to the last byte that is not NUL; at most one line may."""
        torn, offset = b"", self._end
        while offset < size and (block := os.pread(self._descriptor, 1 << 20, offset)):
            if block.strip(b"\0"):
                if offset - self._end > 1 << 20:
                    raise self._not_whole()
                torn = torn.ljust(offset - self._end, b"\0") + block.rstrip(b"\0")
            offset += len(block)
        if b"\n" in torn[:-1]:
            raise self._not_whole()
        return torn

    def _not_whole(self) -> Refused:
        problem = verify(self.path).problem or "bytes that are no event stand behind the last one"
        return Refused(f"The journal {self.path} is not whole: {problem}", hint="Keep it as it is, and declare a new incident")

    def _keep(self, torn: bytes) -> None:
        """Keep what is cut beside the journal, for whoever wonders. The event tells its hash, so this may fail."""
        try:
            name = f"{self.path.name}.cut-{len(self.events) + 1}"
            kept = open_file(self.path.with_name(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except OSError:
            return
        try:
            os.write(kept, torn)
        except OSError:
            pass
        finally:
            os.close(kept)


def _cannot(what: str, path: Path, error: OSError) -> Failed:
    hint = f"Look at the disk and the rights of {path.parent}, or set places.logs to another folder"
    return Failed(f"The journal {path} cannot be {what}: {error.strerror}", hint=hint)
