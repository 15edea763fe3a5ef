"""The driver lock allows one driver at a time. The kernel releases the lock however the driver's process ends.

A driver that hangs keeps its lock. Its lease runs out (`midwatch.control.lease`), and then the lock file is replaced by
another one. Nobody is asked and nothing is killed: every write to the journal is fenced (`require`), so the one that
wakes up finds that it has lost control before it can write (docs/decisions/0010-lease-and-fence.md).
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Self

from midwatch.control.lease import Driver, LockSnapshot, driver_of
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import open_file
from midwatch.system import file_locks
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import SHORTAGES, Failed, Refused
from midwatch.system.filesystems import local
from midwatch.system.process import ProcessIdentity

_LOG = logging.getLogger(__name__)

_WIDTH = 512
"""Bytes of the file, always: a name written over blanks needs no room on a full disk."""
_TURNS = 100
PATIENCE_S = 5.0
"""Seconds for which a takeover waits for a write that is running."""


class TakenOver(Refused):
    """Somebody took control from this process while this process was unresponsive."""


class DriverLock:
    """The right to write an incident's journal. Programs that the driver starts do not inherit it."""

    def __init__(self, folder: IncidentFolder, descriptor: int) -> None:
        """Hold an open, locked file; use `take` or `take_over`."""
        self._folder = folder
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: IncidentFolder, actor: str, *, over: LockSnapshot | None = None) -> Self:
        """Become the driver where nobody is. Never waits.

        `over` is what was seen of a driver on another machine that was silent for its lease: its lock may not reach
        this machine. Raises `Refused` naming who drives, since when and from where; `Failed` when the lock file cannot
        be written, such as below a read-only mount.
        """
        for _ in range(_TURNS):
            descriptor = _open(folder)
            try:
                seen = LockSnapshot.of(folder)
                held = not _locked(folder, descriptor)
                if held or (seen and seen.driver and seen.driver.elsewhere and seen != over):
                    raise _has_a_driver(folder)
                _write(descriptor, actor)
                if _is_the_one(folder, descriptor):
                    return cls(folder, descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # replaced this moment by somebody who took it over
        raise _has_a_driver(folder)

    @classmethod
    def take_over(cls, folder: IncidentFolder, actor: str, over: LockSnapshot) -> Self:
        """Become the driver in place of one that was seen (`over`) and has been silent since, whether it holds its lock
        or not.

        Raises `Refused` when it has given a heartbeat, and when it stands in the middle of a write; `Failed` when the
        lock file cannot be replaced.
        """
        try:
            return cls.take(folder, actor, over=over)
        except Refused:
            return cls._seize(folder, actor, over)

    @classmethod
    def _seize(cls, folder: IncidentFolder, actor: str, over: LockSnapshot) -> Self:
        fresh = folder.lock.with_name(f"{folder.lock.name}.{secrets.token_hex(4)}")
        with _nobody_writes(folder):
            if LockSnapshot.of(folder) != over:
                raise _has_a_driver(folder)
            descriptor = -1
            try:
                descriptor = open_file(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL)
                file_locks.lock(descriptor)
                _write(descriptor, actor)
                fresh.rename(folder.lock)
            except OSError as error:
                if descriptor >= 0:
                    os.close(descriptor)
                    with contextlib.suppress(OSError):
                        fresh.unlink()
                hint = "See to the rights and the room of its folder, or end the process that holds control"
                raise Failed(f"{folder.id} cannot be taken over: {error.strerror}", hint=hint) from error
        return cls(folder, descriptor)

    def require(self) -> None:
        """Raise `TakenOver` unless this still is control. Certain only while nobody else may write the journal."""
        if self._descriptor < 0 or not _is_the_one(self._folder, self._descriptor):
            driver = driver_of(self._folder)
            who = driver.actor if driver else "Somebody"
            raise TakenOver(
                f"{who} took control of {self._folder.id} while this terminal was unresponsive",
                hint="Nothing was written. Follow along here, or request control",
            )

    def beat(self) -> None:
        """Show that this driver lives: no data is written, and nothing is forced to the disk."""
        try:
            os.utime(self._descriptor)
        except OSError as error:  # a disk that has gone read-only takes no heartbeat, and no event either
            _LOG.warning("The heartbeat cannot be written: %s", error)

    def release(self) -> None:
        """Give control back. Safe to call twice."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, b"\n".rjust(_WIDTH), 0)
            file_locks.release(self._descriptor)
            self._descriptor = -1


def _open(folder: IncidentFolder) -> int:
    try:
        return open_file(folder.lock, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        hint = "Follow it without driving: midwatch --observe; or see to the rights and the mount of its folder"
        raise Failed(f"{folder.id} cannot be driven: {folder.lock.name}: {error.strerror}", hint=hint) from error


def _locked(folder: IncidentFolder, descriptor: int) -> bool:
    try:
        return file_locks.try_lock(descriptor)
    except OSError as error:
        hint = "This file system cannot lock; set locations.logs to a folder on another one"
        raise Failed(f"{folder.id} cannot be locked for one driver: {error.strerror}", hint=hint) from error


def _is_the_one(folder: IncidentFolder, descriptor: int) -> bool:
    """Whether the open file is the lock file still. Opened anew and not only looked up: a network file system asks
    then."""
    try:
        named = open_file(folder.lock, os.O_RDONLY)
    except OSError as error:
        if error.errno in SHORTAGES:
            raise Failed(f"{folder.id} cannot be written: {folder.lock.name}: {error.strerror}") from error
        # A local disk that gives errors only: nobody can have put another file there.
        return error.errno == errno.EIO and local(descriptor)
    try:
        return os.path.samestat(os.fstat(named), os.fstat(descriptor))
    finally:
        os.close(named)


@contextlib.contextmanager
def _nobody_writes(folder: IncidentFolder) -> Iterator[None]:
    """Hold the journal's own lock: no event and no heartbeat is written meanwhile."""
    try:
        descriptor = open_file(folder.journal, os.O_RDWR)
    except OSError as error:
        raise Failed(f"{folder.id} cannot be driven: {folder.journal.name}: {error.strerror}") from error
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _locked(folder, descriptor):
            if time.monotonic() > deadline:
                driver = driver_of(folder)
                hint = f"End it: kill -9 {driver.pid} on {driver.host}" if driver else "Try again"
                raise Refused(f"The driver of {folder.id} stands in the middle of a write to the journal", hint=hint)
            time.sleep(0.02)
        yield
    finally:
        file_locks.release(descriptor)


def _has_a_driver(folder: IncidentFolder) -> Refused:
    sentence = f"{folder.id} has a driver: {driver_of(folder) or 'another process took control this moment'}"
    return Refused(sentence, hint="Follow along: midwatch --observe")


def _write(descriptor: int, actor: str) -> None:
    """Say who it is. On a full disk the name is left out, and the lock holds all the same."""
    me = ProcessIdentity.of(os.getpid())
    start, boot = (me.start, me.boot) if me else (0, "")
    driver = Driver(actor, socket.gethostname(), os.getpid(), start, boot, to_rfc3339(datetime.now(UTC)))
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, json.dumps(asdict(driver)).encode().ljust(_WIDTH - 1) + b"\n", 0)
