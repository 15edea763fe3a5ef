"""Limits of the load that a dump causes: processor and disk priority of its programs, and bytes a second.

The server's own process reads the tables. Its priority is the server's, so only the limit of bytes a second slows it
down: the server waits as long as nobody takes its data.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

import psutil

from midwatch.api.parameters import param
from midwatch.api.plan import PlanDraft
from midwatch.system.errors import BadInput
from midwatch.system.units import Size, counted, duration, size

NICE_MOST = 19
"""The lowest priority of a process (setpriority(2))."""
IO_CLASSES = {"low": (psutil.IOPRIO_CLASS_BE, 7), "idle": (psutil.IOPRIO_CLASS_IDLE, None)}
"""Class and level of ioprio_set(2): `low` is the last of the usual class, `idle` takes only the time of an idle
disk."""


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """What one run of a backup may take from the machine and the servers."""

    nice: int = 0
    io: str = ""
    """A key of `IO_CLASSES`, or empty for the usual priority."""
    bandwidth: Size | None = None
    """Bytes a second before compression, of all dumps of the run together."""

    def require_known(self) -> None:
        """Raise `BadInput` for a limit that does not exist."""
        if not 0 <= self.nice <= NICE_MOST:
            raise BadInput(f"nice is a number from 0 to {NICE_MOST}, not {self.nice}")
        if self.io and self.io not in IO_CLASSES:
            raise BadInput(f"There is no disk priority {self.io!r}", hint=f"It takes {' or '.join(IO_CLASSES)}")
        if self.bandwidth is not None and self.bandwidth <= 0:
            raise BadInput("A bandwidth of 0 bytes a second saves nothing", hint="Leave it out for no limit")

    @property
    def command(self) -> tuple[str, ...]:
        """What goes before a program in a container, whose processes do not inherit from this one."""
        nice = ("nice", "-n", str(self.nice)) if self.nice else ()
        match self.io:
            case "idle":
                return (*nice, "ionice", "-c", "3")
            case "low":
                return (*nice, "ionice", "-c", "2", "-n", "7")
            case _:
                return nice

    def take_effect(self) -> None:
        """Lower this process; every program and thread that it starts from now on inherits that."""
        own = psutil.Process()
        if self.nice > own.nice():  # an ordinary user cannot take it back
            own.nice(self.nice)
        if self.io:
            own.ionice(*IO_CLASSES[self.io])

    def add_facts(self, draft: PlanDraft, bytes_to_read: int, streams: int, *, are_rows_counted: bool = True) -> None:
        """Say in a plan what load is expected, and which limits hold."""
        cores = min(streams * 2, os.cpu_count() or 1)
        read = f"{size(bytes_to_read)} of data is read"
        if are_rows_counted:
            read += " twice, for the dump and to count its rows"
        sessions = f"{counted(streams, 'database')} at a time"
        draft.fact("load", f"{read}; {sessions}; here up to {counted(cores, 'processor')} for compression and proof")
        if self.bandwidth:
            least = duration(bytes_to_read / self.bandwidth)
            draft.fact("limit", f"at most {size(self.bandwidth)} a second from the servers, so about {least} at least")
        lowered = [f"nice {self.nice}"] if self.nice else []
        lowered += [f"disk priority {self.io}"] if self.io else []
        if lowered:
            draft.fact("priority", f"{', '.join(lowered)} for what runs here; the server's own processes keep theirs")


@dataclass(frozen=True, kw_only=True)
class LoadParameters:
    """The parameters of an action that dumps databases."""

    nice: int = param("priority of the dump's programs here: 0 as usual, 19 the lowest", default=0)
    io: str = param("their priority at the disk: low, or idle (only while nothing else uses the disk)", default="")
    bandwidth: Size | None = param(
        "the most bytes that are taken from the servers in a second, such as '20 MB' (default: no limit)", default=None
    )

    @property
    def limits(self) -> LoadLimits:
        """The limits that these parameters set."""
        return LoadLimits(self.nice, self.io, self.bandwidth)


class RateLimiter:
    """Holds up several threads so that together they pass no more than so many bytes a second."""

    def __init__(self, limits: LoadLimits) -> None:
        self._rate, self._lock, self._free_at = limits.bandwidth, threading.Lock(), 0.0

    def passed(self, count: int) -> None:
        """So many bytes went by: wait until the next may."""
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + count / self._rate
            wait = self._free_at - now
        time.sleep(wait)
