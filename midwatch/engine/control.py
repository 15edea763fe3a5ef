"""Control of an incident: who comes to it and how, how it is kept, and how it is given back."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.control.lease import HEARTBEAT_S, LEASE_S, DriverState, Lease, LeaseWatcher
from midwatch.engine.journal_session import DriverHandle, JournalSession, terminal
from midwatch.engine.reasons import optional_reason
from midwatch.incident.events import EventKind
from midwatch.journal.writer import Journal
from midwatch.supervisor.status import START_GRACE
from midwatch.system.actor import login
from midwatch.system.errors import Refused

LEAVING = 5.0 + START_GRACE
"""Seconds for which leaving waits for steps that are just being started."""
_LOOKS = 0.2
"""Seconds between two looks at a driver that may be silent."""


class Control(JournalSession):
    """A record that can be driven."""

    _lease_watcher: LeaseWatcher | None = None
    _last_heartbeat = 0.0

    @property
    def lease(self) -> Lease:
        """Who drives, and how alive that is. Look again and again: silence is counted from the first look."""
        if self._lease_watcher is None:
            self._lease_watcher = LeaseWatcher(self.folder)
        return self._lease_watcher.inspect()

    def take_control(self, reason: str = "") -> None:
        """Drive this incident from here; does nothing when it is driven from here still.

        A driver that lives is never replaced. One that was silent for its lease, or that ended without giving control
        back, is: with a reason, unless it was the same person. Raises `Refused` when that is not so.
        """
        lease, reason = self.lease, optional_reason(reason)
        with self.mutex:
            if self.handle is not None:
                self._last_heartbeat = 0.0
                self._send_heartbeat()
                return
            lock, seized = self._lock(lease, reason)
            try:
                journal = Journal.open(self.folder.journal, actor=self.actor, clock=self.clock, fence=lock.require)
            except BaseException:
                lock.release()
                raise
            handle = DriverHandle(journal, lock, seized)
            self.apply_events(journal.events[len(self.events) :])
            try:
                came = self._came(lease, seized, reason)
            except Refused:
                self.release(handle, trim=False)
                raise
            self.handle, self._tail = handle, None
            if self.incident.open:
                self.append(*came)
            elif self.incident.driver:  # who closed it was gone before it could leave
                self.append(EventKind.DRIVER_LEFT, {"reason": "closed"})

    def _lock(self, lease: Lease, reason: str) -> tuple[DriverLock, bool]:
        """The lock, and whether it was taken from a process that may still be there."""
        try:
            return DriverLock.take(self.folder, self.actor), False
        except Refused as refused:
            if lease.state is not DriverState.UNRESPONSIVE or lease.driver is None or lease.snapshot is None:
                raise
            if not reason and login(lease.driver.actor) != login(self.actor):
                raise Refused(
                    f"{refused.sentence}, but has been unresponsive for {lease.silent_s:.0f} s",
                    hint="Take control with a reason: midwatch --take-over REASON",
                ) from None
            return DriverLock.take_over(self.folder, self.actor, lease.snapshot), True

    def _came(self, lease: Lease, seized: bool, reason: str) -> tuple[EventKind, dict[str, Any]]:
        """The event that says how this driver came to drive. Raises `Refused` when it may not without a reason."""
        body: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "terminal": terminal()}
        former = self.incident.driver
        body |= self._from_offer(reason)
        if not self.incident.open or not former or (login(former) == login(self.actor) and not seized):
            return EventKind.DRIVER_JOINED, body
        if login(former) != login(self.actor) and not reason:
            raise Refused(
                f"{former} had control and never gave it back: that screen has ended",
                hint="Take control with a reason: midwatch --take-over REASON",
            )
        body |= {
            "from": former,
            "reason": reason,
            "how": "silent" if seized else "ended",
            "silent": _silence(lease, seized),
        }
        return EventKind.DRIVER_TOOK_OVER, body

    def _from_offer(self, reason: str) -> dict[str, Any]:
        """What an offer of control makes of it. Raises `Refused` when it stands for somebody else and there is no reason."""
        offer = self.incident.offer
        if offer is None or offer.expires <= self.clock.now():
            return {}
        if self.actor == offer.to or login(self.actor) == offer.to:
            return {"from": offer.giver, "offer": offer.seq}
        if not reason and login(self.actor) != login(offer.giver):
            raise Refused(
                f"{offer.giver} offers control to {offer.to} until {offer.expires:%H:%M:%S} UTC",
                hint="Let them take it, or take it with a reason: midwatch --take-over REASON",
            )
        return {"reason": reason} if reason else {}

    def wait_for_lease_expiry(self, say: Callable[[str], None]) -> None:
        """Watch whoever drives until it has given a heartbeat, or none for a whole lease."""
        first = self.lease
        if first.state is DriverState.ALIVE:
            say(f"{first.driver}; waiting for a heartbeat, {LEASE_S:.0f} s at most")
        while (lease := self.lease).state is DriverState.ALIVE and lease.snapshot == first.snapshot:
            time.sleep(_LOOKS)

    @contextlib.contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Give heartbeats meanwhile, for a front end that does not `poll` while it waits for something."""
        over = threading.Event()

        def beat() -> None:
            with contextlib.suppress(Refused):  # the next thing that is written says why
                while not over.wait(HEARTBEAT_S / 2):
                    self._send_heartbeat()

        thread = threading.Thread(target=beat, name="beating", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _send_heartbeat(self) -> None:
        """Show that this driver lives. Raises `Refused`, and observes from then on, when control was taken."""
        handle = self.handle
        if handle is None or time.monotonic() - self._last_heartbeat < HEARTBEAT_S:
            return
        self._last_heartbeat = time.monotonic()
        try:
            with handle.journal.alone():
                handle.lock.beat()
        except TakenOver:
            self.lose(handle)
            raise


def _silence(lease: Lease, seized: bool) -> float | None:
    """Seconds since the last heartbeat; of a process that has ended, by the clock of its lock file."""
    if seized:
        return round(lease.silent_s, 1)
    return round(max(time.time() - lease.snapshot.touched / 1e9, 0.0), 1) if lease.snapshot else None
