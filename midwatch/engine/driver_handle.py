"""What only the driver of an incident holds: the journal to append to, the lock, the control socket."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from midwatch.control.control_socket import ControlServer
from midwatch.control.driver_lock import DriverLock
from midwatch.journal.writer import Journal


@dataclass(slots=True)
class DriverHandle:
    """What only the driver holds."""

    journal: Journal
    lock: DriverLock
    replaced_unresponsive_driver: bool = False
    """Whether the driver before this one still was a process: nobody can rule out what that one began."""
    starting: set[tuple[str, int]] = field(default_factory=set)
    """Attempts that this very process is about to start: no result of theirs is missing yet."""
    verifying: set[tuple[str, int]] = field(default_factory=set)
    """Attempts that have ended, and of which this process evaluates what they verify."""
    readers: list[threading.Thread] = field(default_factory=list)
    """Threads that take the readings after finished steps."""
    control_socket: ControlServer | None = None
    retry_at: float = 0.0
    """Monotonic time from which on a journal that is on another disk is tried to be brought back."""

    @property
    def unreachable(self) -> str:
        """Why nobody can ask this driver for anything; empty when they can."""
        return self.control_socket.problem if self.control_socket is not None else ""

    def await_starts(self, limit_s: float) -> None:
        """The next driver takes what has no supervisor for never begun, so nothing may still be about to begin."""
        deadline = time.monotonic() + limit_s
        while self.starting and time.monotonic() < deadline:
            time.sleep(0.02)

    def await_readers(self, limit_s: float | None = None) -> None:
        """Wait for the readings after finished steps, each of which ends within a limit of its own."""
        deadline = None if limit_s is None else time.monotonic() + limit_s
        for thread in list(self.readers):
            thread.join(None if deadline is None else max(deadline - time.monotonic(), 0.0))
