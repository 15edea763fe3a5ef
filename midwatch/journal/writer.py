"""Writes a journal: an event is on disk when `append` returns. The fence ensures that there is one writer."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from midwatch.incident.events import Event, EventKind
from midwatch.incident.permissions import open_file
from midwatch.journal.codec import LONGEST, decode, digest
from midwatch.journal.fallback_locations import choose, named_files
from midwatch.journal.merged_reader import MergedJournal, merge_files
from midwatch.journal.segment import NotStored, Segment
from midwatch.journal.store import MARKER, Fence, JournalStore
from midwatch.journal.verify import verify
from midwatch.system.clock import Clock
from midwatch.system.errors import BadInput, Failed, MidwatchError, Refused
from midwatch.system.filesystems import copy_on_write

_LOG = logging.getLogger(__name__)


class Journal(JournalStore):
    """An open journal. Safe to use from several threads of one process."""

    @classmethod
    def create(cls, path: Path, *, actor: str, clock: Clock, fence: Fence | None = None) -> Self:
        """Begin a journal; the empty file, its name and its reserved space are on disk when this returns.

        `fence` is asked before every write, while nobody else can write or take control.
        Raises `Refused` when there is one already, `Failed` when it cannot be made or the disk has no room at all.
        """
        try:
            home = Segment.create(path)
        except FileExistsError:
            raise Refused(f"There is a journal {path} already", hint="Resume its incident: midwatch") from None
        except OSError as error:
            raise _cannot("made", path, error) from error
        return cls(home, actor=actor, clock=clock, fence=fence)

    @classmethod
    def open(cls, path: Path, *, actor: str, clock: Clock, fence: Fence | None = None) -> Self:
        """Go on with a journal. A torn last line is cut, kept beside it, and the event `journal.repaired` tells so.

        What went elsewhere comes back when there is room. Raises `Refused` when the chain of events is broken, or goes
        on in a file that is not there: going on would hide that. Raises `BadInput` when there is no journal and
        `Failed` when it cannot be opened or repaired.
        """
        try:
            home = Segment.open(path)
        except FileNotFoundError:
            raise BadInput(f"There is no journal {path}", hint="See which there are: midwatch incidents") from None
        except OSError as error:
            raise _cannot("opened for writing", path, error) from error
        journal = cls(home, actor=actor, clock=clock, fence=fence)
        try:
            with journal.alone():
                journal._take_in(merge_files(path))
                journal._join()
        except OSError as error:
            journal._let_go()
            raise _cannot("opened", path, error) from error
        except BaseException:
            journal._let_go()
            raise
        return journal

    @property
    def reserved(self) -> int:
        """Bytes that events can still take when the disk is full."""
        return self._part.free

    @property
    def away(self) -> Path | None:
        """The file in which it goes on while its own disk takes no more events; None while it takes them."""
        return None if self._part is self._home else self._part.path

    def append(self, kind: EventKind | str, body: Mapping[str, Any]) -> Event:
        """Store one event; it is on disk when this returns, and what it announces may begin.

        Returns the event as a reader will see it. When the journal's own disk does not take it, it goes to the first
        place that does (`name_fallbacks`), and the event `journal.failed_over` tells so. Raises `BadInput` for a body
        that cannot be stored, and `Failed` when no disk takes it: then the event counts as not stored.
        """
        with self.alone():
            return self._put(kind, body)

    def name_fallbacks(self, declared: Path | None) -> None:
        """Make the files in which it goes on when its own disk takes no more events, and name them:
        `journal.fallbacks`.

        On a copy-on-write file system, which does not honour the reserve, the space is taken there now. Raises like
        `append`.
        """
        with self.alone():
            folders, problem = choose(self.path, declared)
            why = copy_on_write(self.path.parent)
            reasons = self._elsewhere.make_ahead(
                folders, self.path.parent.name, named_files(self.events, self.path.parent.name), self._home.descriptor
            )
            if declared is not None and not problem and (reason := reasons.get(Path(os.path.realpath(declared)))):
                problem = f"{declared} takes no file: {reason}"
            standby = self._elsewhere.stand_by(self._home.descriptor) if why else None
            body = {
                "files": [str(file) for file in self._elsewhere.files],
                "owner": os.geteuid(),
                "problem": problem,
                "copy_on_write": why,
                "standby": str(standby or ""),
            }
            last = next((event for event in reversed(self.events) if event.kind == EventKind.JOURNAL_FALLBACKS), None)
            if last is None or last.body != body:
                self._put(EventKind.JOURNAL_FALLBACKS, body)

    def prepare(self) -> None:
        """Let the next event find its place without a move before it: it may count itself. Never raises."""
        with contextlib.suppress(MidwatchError), self.alone():
            if reason := self._part.reserve.hold(self._part.end + LONGEST + MARKER):
                self._move(NotStored(f"Little room is left: {reason.strerror}", hint="", left=False, lasting=False))

    def join(self) -> bool:
        """Bring back what went elsewhere, once the journal's own disk takes it; the event `journal.failed_back` tells
        so.

        Whenever this is interrupted, each event stands in at least one of the files, and readers show it once. False
        when nothing is away, or there is no room yet, or the disk had failed (then it comes back when the incident is
        resumed). Raises `Failed` when the disk fails meanwhile; nothing is lost then.
        """
        with self.alone():
            return self._join()

    def close(self, *, trim: bool = False) -> None:
        """Let go of the files; with `trim`, the space behind the last event goes back to the disk.

        Trimming that fails is no fault of the journal's: readers stop at the first NUL byte anyway.
        """
        if trim:
            with contextlib.suppress(OSError, MidwatchError), self.alone():
                with contextlib.suppress(MidwatchError):
                    self._join()
                if not self._part.broken:
                    self._part.reserve.give_back(self._part.end)
                    os.fsync(self._part.descriptor)
        with self._mutex:
            if not self._closed:
                self._let_go(for_good=trim)

    # Going on

    def _take_in(self, found: MergedJournal) -> None:
        """Check the chain of what is there, find the place where it goes on, and cut what a crash left behind it."""
        for index, stored in enumerate(found.lines):
            try:
                event, prev = decode(stored.data)
            except ValueError:
                break  # torn, if nothing follows; otherwise `_repair` refuses
            if event.seq != len(self.events) + 1 or prev != self.head:
                raise self._not_whole()
            self.events.append(event)
            self.head = digest(stored.data)
            if index < found.home:
                self._home.end, self._at_home = stored.end, (len(self.events), self.head)
            else:
                self._elsewhere.lines.append(stored.data)
        self._home.reserve.renew(self._home.end)
        if found.problem or len(found.lines) > len(self.events) + 1:
            raise self._not_whole()
        self._elsewhere.files = [
            file.path
            for file in named_files(self.events, self.path.parent.name).values()
            if file.owner in (None, os.geteuid())
        ]
        self._elsewhere.take_over(found.elsewhere)
        missing = found.missing
        if self._elsewhere.parts and not missing and (self._elsewhere.lines or found.moved_to):
            self._part = self._elsewhere.parts[-1]
        else:
            self._elsewhere.remove()
        self._repair()
        if missing:
            self._account_for(missing)

    def _repair(self) -> None:
        """Cut what stands behind the last event; at most one line may."""
        try:
            torn = self._part.torn()
        except ValueError:
            raise self._not_whole() from None
        if b"\n" in torn[:-1]:
            raise self._not_whole()
        if torn:
            body = {"dropped_bytes": len(torn), "dropped_sha256": hashlib.sha256(torn).hexdigest()}
            self._keep(torn)
            self._put(EventKind.JOURNAL_REPAIRED, body, over=len(torn))

    def _account_for(self, missing: Path) -> None:
        """It went to a file that is not there: in memory, and gone with the machine's restart, or somewhere out of
        reach."""
        moved = next(event for event in reversed(self.events) if event.kind == EventKind.JOURNAL_FAILED_OVER)
        host = moved.body.get("host")
        if not moved.body.get("in_memory") or moved.boot == self._boot or host != socket.gethostname():
            raise Refused(
                f"The journal {self.path} goes on in {missing} on {host}, which is not there",
                hint="Bring that file system back, or keep all as it is and declare a new incident",
            )
        self._put(EventKind.JOURNAL_FALLBACK_LOST, {"file": str(missing), "after": len(self.events)})

    def _not_whole(self) -> Refused:
        problem = verify(self.path).problem or "bytes that are no event stand behind the last one"
        return Refused(
            f"The journal {self.path} is not whole: {problem}", hint="Keep it as it is, and declare a new incident"
        )

    def _keep(self, torn: bytes) -> None:
        """Keep what is cut beside the journal, for whoever wonders. The event tells its hash, so this may fail."""
        try:
            name = f"{self.path.name}.cut-{len(self.events) + 1}"
            kept = open_file(self.path.with_name(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except OSError as error:
            _LOG.info("What was cut from the journal cannot be kept: %s", error)
            return
        try:
            os.write(kept, torn)
        except OSError as error:
            _LOG.info("What was cut from the journal cannot be kept: %s", error)
        finally:
            os.close(kept)


def _cannot(what: str, path: Path, error: OSError) -> Failed:
    hint = f"Look at the disk and the rights of {path.parent}, or set locations.logs to another folder"
    return Failed(f"The journal {path} cannot be {what}: {error.strerror}", hint=hint)
