"""Stores the chain of events: on the journal's own disk, or on another disk while the first is full."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from midwatch.incident.events import Event, EventKind
from midwatch.journal.codec import NO_LINE, decode, digest, encode
from midwatch.journal.fallback_files import FallbackFiles, at_home_again
from midwatch.journal.segment import LEAVE, NotStored, Segment
from midwatch.system import file_locks
from midwatch.system.clock import Clock
from midwatch.system.errors import Failed, Refused
from midwatch.system.filesystems import in_memory
from midwatch.system.process import boot_id

_LOG = logging.getLogger(__name__)

MARKER = 2048
"""Bytes of the reserve that are kept for saying where the journal goes on."""
SPARE = 128 * 1024
"""Bytes that have to be left behind what comes back, so that it does not go away again at once."""


Fence = Callable[[], None]
"""Raises when this process may write no more: somebody else took control."""


class JournalStore:
    """The events of one journal and the files that they go to."""

    def __init__(self, home: Segment, *, actor: str, clock: Clock, fence: Fence | None) -> None:
        """Take over an open file; use `create` or `open`."""
        self.path = home.path
        self.actor = actor
        self.events: list[Event] = []
        """Every event of the journal, in order. Grows only."""
        self.head = NO_LINE
        """The SHA-256 of the last line: told to others, it shows later tampering."""
        self._clock = clock
        self._boot = boot_id()
        self._home = home
        self._part = home
        """Where events go now."""
        self._at_home = (0, NO_LINE)
        """How many events stand in the journal's own file, and the last one's hash."""
        self._elsewhere = FallbackFiles()
        self._broken: Failed | None = None
        self._mutex = threading.Lock()
        self._fence = fence
        self._closed = False

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes this journal, nor takes control, in the meantime. Raises what the fence raises."""
        with self._mutex:
            if self._closed:
                raise Refused("The journal is closed", hint="Resume the incident: midwatch")
            if self._fence is None:
                yield
                return
            try:
                file_locks.lock(self._home.descriptor)
            except OSError as error:
                raise Failed(f"The journal {self.path} cannot be locked: {error.strerror}") from error
            try:
                self._fence()
                yield
            finally:
                if not self._closed:
                    file_locks.unlock(self._home.descriptor)

    def _made(self, kind: EventKind | str, body: Mapping[str, Any]) -> tuple[Event, bytes]:
        """The next event as a reader will see it, and its line."""
        now = self._clock.now()
        if self.events:
            now = max(now, self.events[-1].time)  # a clock that was set back must not disorder the timeline
        mono = round(self._clock.monotonic(), 6)
        line = encode(Event(len(self.events) + 1, now, mono, self._boot, self.actor, str(kind), body), self.head)
        return decode(line)[0], line

    def _put(self, kind: EventKind | str, body: Mapping[str, Any], *, over: int = 0) -> Event:
        """Store an event where it finds room, over `over` bytes of a torn one."""
        if self._broken:
            raise self._broken
        event, line = self._made(kind, body)
        try:
            self._part.store(line + b"\n", keep=MARKER if self._elsewhere.files else 0, over=over)
        except NotStored as trouble:
            if not trouble.left:
                if over:
                    self._part.blank(over)
                if not self._join():
                    self._move(trouble)
                return self._put(kind, body)
            self._leave_half(trouble, event, line)
        else:
            self._took(event, line)
        return event

    def _took(self, event: Event, line: bytes) -> None:
        self.head = digest(line)
        self.events.append(event)
        if self._part is self._home:
            self._at_home = (len(self.events), self.head)
        else:
            self._elsewhere.lines.append(line)

    def _move(self, trouble: NotStored) -> None:
        """Go on in the next place, and say so while the reserve still has the room that was kept for it."""
        old, new = self._part, self._next(trouble)
        _LOG.warning("The journal goes on in %s: %s takes no event (%s)", new.path, old.path, trouble)
        event, line = self._made(*_moved(new, trouble))
        try:
            old.store(line + b"\n")
        except NotStored:  # what stands of it there stands whole in the next place
            self._part = new
            self._force(event, line)
        else:
            self._took(event, line)
            self._part = new

    def _leave_half(self, trouble: NotStored, event: Event, line: bytes) -> None:
        """Go on in the next place, with the very line of which bytes may stand in this one."""
        try:
            self._part = self._next(trouble)
        except Failed as failed:
            self._broken = failed  # no other event may get this one's number
            raise
        self._force(event, line)
        self._put(*_moved(self._part, trouble))

    def _force(self, event: Event, line: bytes) -> None:
        """Store a line in a new place, or nowhere."""
        try:
            self._part.store(line + b"\n")
        except NotStored as trouble:
            self._broken = trouble.failed()
            raise self._broken from trouble
        self._took(event, line)

    def _next(self, trouble: NotStored) -> Segment:
        if not self._elsewhere.files:
            raise trouble.failed()
        self._elsewhere.come_back_later &= not trouble.lasting
        return self._elsewhere.next(self._home.descriptor, trouble)

    # Coming back

    def _join(self) -> bool:
        away = self._elsewhere
        if self._part is self._home or not away.come_back_later:
            return False
        home = self._home
        try:
            there = at_home_again(home, self._at_home, away.lines)
            if there is None:
                return False
            files = [str(part.path) for part in away.parts]
            event, line = self._made(EventKind.JOURNAL_FAILED_BACK, {"files": files, "events": len(away.lines)})
            data = b"".join(stored + b"\n" for stored in [*away.lines[there:], line])
            home.store(data, over=len(home.torn()), keep=SPARE)
            self._require(home, data)
        except NotStored as trouble:
            if trouble.left:  # that it is back may stand there, so it has to stand here as well, and that it is not
                away.come_back_later = False
                self._force(event, line)
                self._put(*_moved(self._part, trouble))
            return False
        except (OSError, ValueError):
            return False
        self._part = home
        self._took(event, line)
        away.remove()
        return True

    def _require(self, home: Segment, data: bytes) -> None:
        """Nothing is removed elsewhere before the disk itself, and not its cache, gives back what was put on it."""
        try:
            if home.holds(data):
                return
            reason = "it gives back something else"
        except OSError as error:
            reason = error.strerror or "an error"
        raise NotStored(f"The disk did not keep the journal ({reason})", hint=LEAVE, left=True, lasting=True)

    def _let_go(self, *, for_good: bool = False) -> None:
        self._closed = True
        self._home.close()
        self._elsewhere.close(for_good=for_good)


def _moved(to: Segment, trouble: NotStored) -> tuple[EventKind, dict[str, Any]]:
    return EventKind.JOURNAL_FAILED_OVER, {
        "to": str(to.path),
        "host": socket.gethostname(),
        "reason": trouble.sentence,
        "in_memory": in_memory(to.path),
    }
