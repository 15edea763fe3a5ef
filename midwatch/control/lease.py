"""The lease: how an observer finds out whether the driver is alive, without a request to the driver.

A driver shows that it lives by touching its lock file (`LeaseTimes`). The observer counts the silence by its own clock,
so neither a clock that was set nor two machines whose clocks differ make a live driver look dead.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import open_file
from midwatch.system.clock import from_rfc3339
from midwatch.system.process import ProcessIdentity, boot_id


@dataclass(slots=True)
class LeaseTimes:
    """How long a lease lasts, and how often it is renewed."""

    heartbeat_s: float = 4.0
    """Seconds between two heartbeats."""
    lease_s: float = 20.0
    """Seconds of silence after which control may be taken over."""


@dataclass(frozen=True, slots=True)
class Driver:
    """Who holds control, as written in the lock file."""

    actor: str
    host: str
    pid: int
    start: int
    """Start of the process in clock ticks after boot: with the pid and the boot, it names one process for good."""
    boot: str
    since: str
    """UTC, as `midwatch.system.clock.to_rfc3339` formats it."""

    @property
    def may_drive(self) -> bool:
        """False once this process is known to have ended; a process on another machine cannot be seen from here."""
        try:
            return self.host != socket.gethostname() or ProcessIdentity(self.pid, self.start, self.boot).alive
        except OSError:  # it cannot be looked for now, which is not known to have ended
            return True

    @property
    def elsewhere(self) -> bool:
        """Whether it is on a machine whose locks may not reach this one."""
        return self.host != socket.gethostname() and self.boot != boot_id()

    def __str__(self) -> str:
        return (
            f"{self.actor} drives it since {from_rfc3339(self.since):%Y-%m-%d %H:%M:%S} UTC (pid {self.pid} "
            f"on {self.host})"
        )


@dataclass(frozen=True, slots=True)
class LockSnapshot:
    """The lock file at one moment; a driver that lives makes the next one different."""

    inode: int
    touched: int
    """Nanoseconds, by the clock of the file system: compared, never counted with."""
    text: bytes

    @classmethod
    def of(cls, folder: IncidentFolder) -> Self | None:
        """What is there now; None when there is no lock file or it cannot be read."""
        try:
            descriptor = open_file(folder.lock, os.O_RDONLY)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            return cls(status.st_ino, status.st_mtime_ns, os.pread(descriptor, 4096, 0))
        except OSError:
            return None
        finally:
            os.close(descriptor)

    @property
    def driver(self) -> Driver | None:
        """Who is named in it; None for nobody."""
        try:
            driver = Driver(**json.loads(self.text))
            from_rfc3339(driver.since)
        except (ValueError, TypeError, RecursionError):
            return None
        texts = (driver.actor, driver.host, driver.boot)
        known = all(isinstance(text, str) for text in texts) and type(driver.pid) is type(driver.start) is int
        return driver if known and 0 < driver.pid < 2**31 else None


class DriverState(StrEnum):
    """The state of the driver."""

    NOBODY = "nobody"
    """Control was given back."""
    ALIVE = "lives"
    """Seen to live, or not watched for long enough to say otherwise."""
    UNRESPONSIVE = "silent"
    """No heartbeat for a whole lease: it hangs, was stopped, or its machine is gone."""
    EXITED = "ended"
    """Its process is known to have ended without giving control back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The driver and its state."""

    state: DriverState = DriverState.NOBODY
    driver: Driver | None = None
    silent_s: float = 0.0
    """Seconds for which it was watched without a heartbeat."""
    snapshot: LockSnapshot | None = None


class LeaseWatcher:
    """Watches the driver's heartbeat."""

    def __init__(
        self,
        folder: IncidentFolder,
        times: LeaseTimes | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """The clock must stand still while this machine is suspended: then the driver was, too."""
        self._folder, self._times, self._monotonic = folder, times or LeaseTimes(), monotonic
        self._sight: LockSnapshot | None = None
        self._since = monotonic()

    def inspect(self) -> Lease:
        """What is known now. Cheap; look again and again."""
        snapshot, now = LockSnapshot.of(self._folder), self._monotonic()
        if snapshot != self._sight:
            self._sight, self._since = snapshot, now
        driver = snapshot.driver if snapshot else None
        if snapshot is None or driver is None:
            return Lease(snapshot=snapshot)
        silent = now - self._since
        if not driver.may_drive:
            return Lease(DriverState.EXITED, driver, silent, snapshot)
        return Lease(
            DriverState.UNRESPONSIVE if silent >= self._times.lease_s else DriverState.ALIVE, driver, silent, snapshot
        )


def driver_of(folder: IncidentFolder) -> Driver | None:
    """Who drives the incident now; None when nobody does or it cannot be known. Takes no lock and disturbs nobody."""
    snapshot = LockSnapshot.of(folder)
    driver = snapshot.driver if snapshot else None
    return driver if driver is not None and driver.may_drive else None
