"""One driver at a time: a lock that the kernel holds for the driver's process and gives back however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Self

from midwatch.clock import from_iso, iso
from midwatch.errors import Failed, Refused
from midwatch.incident.folder import IncidentFolder
from midwatch.supervisor.identity import SupervisorId, boot_id


@dataclass(frozen=True, slots=True)
class Driver:
    """Who holds the wheel, as written in the lock file."""

    actor: str
    host: str
    pid: int
    start: int
    """Start of the process in clock ticks after boot: with the pid and the boot, it names one process for good."""
    boot: str
    since: str
    """UTC, as `midwatch.clock.iso` writes it."""

    @property
    def may_drive(self) -> bool:
        """False once this process is known to have ended; a process on another machine cannot be seen from here."""
        if self.host == socket.gethostname():
            return SupervisorId(self.pid, self.start, self.boot).alive
        return self.boot != boot_id()

    def __str__(self) -> str:
        return f"{self.actor} drives it since {from_iso(self.since):%Y-%m-%d %H:%M:%S} UTC (pid {self.pid} on {self.host})"


class DriverLock:
    """The right to write an incident's journal. Programs that the driver starts do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        """Hold an open, locked file; use `take`."""
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: IncidentFolder, actor: str) -> Self:
        """Become the driver. Never waits.

        Raises `Refused` naming who drives, since when and from where; `Failed` when the lock file cannot be written,
        such as below a read-only mount.
        """
        try:
            descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            hint = "Follow it without driving: midwatch --observe; or see to the rights and the mount of its folder"
            raise Failed(f"{folder.id} cannot be driven: {folder.lock.name}: {error.strerror}", hint=hint) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            who = driver_of(folder)
            sentence = f"{folder.id} has a driver: {who or 'another process took the wheel this moment'}"
            raise Refused(sentence, hint="Follow along: midwatch --observe") from None
        except OSError as error:
            os.close(descriptor)
            hint = "This file system cannot lock; set places.logs to a folder on another one"
            raise Failed(f"{folder.id} cannot be locked for one driver: {error.strerror}", hint=hint) from error
        _write(descriptor, actor)
        return cls(descriptor)

    def release(self) -> None:
        """Give the wheel back. Safe to call twice."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def driver_of(folder: IncidentFolder) -> Driver | None:
    """Who drives the incident now; None when nobody does or it cannot be known. Takes no lock and disturbs nobody."""
    try:
        data = json.loads(folder.lock.read_bytes())
        driver = Driver(**data)
        from_iso(driver.since)
        return driver if driver.may_drive else None
    except (OSError, ValueError, TypeError):
        return None


def _write(descriptor: int, actor: str) -> None:
    """Say who it is. On a full disk the name is left out, and the lock holds all the same."""
    me = SupervisorId.of(os.getpid())
    start, boot = (me.start, me.boot) if me else (0, "")
    driver = Driver(actor, socket.gethostname(), os.getpid(), start, boot, iso(datetime.now(UTC)))
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(driver)).encode() + b"\n", 0)
