"""Control of an incident: who comes to it and how, how it is kept, and how it is given back."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.control.lease import DriverState, Lease, LeaseTimes, LeaseWatcher
from midwatch.engine.driver_handle import DriverHandle
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.reasons import optional_reason
from midwatch.incident.events import EventKind
from midwatch.journal.writer import Journal
from midwatch.supervisor.status import START_GRACE
from midwatch.system.actor import login
from midwatch.system.errors import Refused

LEAVING_S = 5.0 + START_GRACE
"""Seconds for which leaving waits for steps that are just being started."""
_LOOK_INTERVAL_S = 0.2
"""Seconds between two looks at a driver that may be silent."""


class Control:
    """Who drives, how control is taken, kept and given back."""

    def __init__(self, session: JournalSession, times: LeaseTimes) -> None:
        self._session = session
        self._times = times
        self._watcher = LeaseWatcher(session.folder, times)
        self._last_heartbeat = 0.0

    @property
    def lease(self) -> Lease:
        """Who drives, and how alive that is. Look again and again: silence is counted from the first look."""
        return self._watcher.inspect()

    def take(self, reason: str = "") -> None:
        """Drive this incident from here; only a heartbeat when it is driven from here still.

        A driver that lives is never replaced. One that was silent for its lease, or that ended without giving control
        back, is: with a reason, unless it was the same person. Raises `Refused` when that is not so.
        """
        session = self._session
        lease, reason = self.lease, optional_reason(reason)
        with session.mutex:
            if session.handle is not None:
                self._beat(session.handle)
                return
            lock, seized = self._lock(lease, reason)
            try:
                journal = Journal.open(
                    session.folder.journal, actor=session.actor, clock=session.clock, fence=lock.require
                )
            except BaseException:
                lock.release()
                raise
            handle = DriverHandle(journal, lock, seized)
            session.apply_events(journal.events[len(session.events) :])
            try:
                arrival = self._arrival(lease, seized, reason)
            except Refused:
                session.release(handle, trim=False)
                raise
            session.drive(handle)
            if session.incident.open:
                session.append(*arrival)
            elif session.incident.driver:  # who closed it was gone before it could leave
                session.append(EventKind.DRIVER_LEFT, {"reason": "closed"})

    def leave(self) -> None:
        """Give control back without closing. Running steps go on under their supervisors."""
        session, handle = self._session, self._session.handle
        if handle is None:
            return
        session.settle()
        handle.await_starts(LEAVING_S)
        with session.mutex, contextlib.suppress(TakenOver):  # then there is nothing left to give back
            if session.incident.open:
                session.append(EventKind.DRIVER_LEFT, {"reason": "left"})
            session.release(handle, trim=False)

    def _lock(self, lease: Lease, reason: str) -> tuple[DriverLock, bool]:
        """The lock, and whether it was taken from a process that may still be there."""
        try:
            return DriverLock.take(self._session.folder, self._session.actor), False
        except Refused as refused:
            if lease.state is not DriverState.UNRESPONSIVE or lease.driver is None or lease.snapshot is None:
                raise
            if not reason and login(lease.driver.actor) != login(self._session.actor):
                raise Refused(
                    f"{refused.sentence}, but has been unresponsive for {lease.silent_s:.0f} s",
                    hint="Take control with a reason: midwatch --take-over REASON",
                ) from None
            return DriverLock.take_over(self._session.folder, self._session.actor, lease.snapshot), True

    def _arrival(self, lease: Lease, seized: bool, reason: str) -> tuple[EventKind, dict[str, Any]]:
        """The event that says how this driver came to drive. Raises `Refused` when it may not without a reason."""
        incident, former = self._session.incident, self._session.incident.driver
        body = this_process() | self._from_offer(reason)
        if not incident.open or not former or (login(former) == login(self._session.actor) and not seized):
            return EventKind.DRIVER_JOINED, body
        if login(former) != login(self._session.actor) and not reason:
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
        """What an offer of control makes of it. Raises `Refused` when it stands for somebody else and there is no
        reason."""
        offer = self._session.incident.offer
        if offer is None or offer.expires <= self._session.clock.now():
            return {}
        if self._session.actor == offer.to or login(self._session.actor) == offer.to:
            return {"from": offer.giver, "offer": offer.seq}
        if not reason and login(self._session.actor) != login(offer.giver):
            raise Refused(
                f"{offer.giver} offers control to {offer.to} until {offer.expires:%H:%M:%S} UTC",
                hint="Let them take it, or take it with a reason: midwatch --take-over REASON",
            )
        return {"reason": reason} if reason else {}

    def wait_for_lease_expiry(self, say: Callable[[str], None]) -> None:
        """Watch whoever drives until it has given a heartbeat, or none for a whole lease."""
        first = self.lease
        if first.state is DriverState.ALIVE:
            say(f"{first.driver}; waiting for a heartbeat, {self._times.lease_s:.0f} s at most")
        while (lease := self.lease).state is DriverState.ALIVE and lease.snapshot == first.snapshot:
            time.sleep(_LOOK_INTERVAL_S)

    @contextlib.contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Give heartbeats meanwhile, for a front end that does not `poll` while it waits for something."""
        over = threading.Event()

        def beat() -> None:
            with contextlib.suppress(Refused):  # the next thing that is written says why
                while not over.wait(self._times.heartbeat_s / 2):
                    self.send_heartbeat()

        thread = threading.Thread(target=beat, name="beating", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def send_heartbeat(self) -> None:
        """Show that this driver lives, when it is time. Raises `Refused`, and observes from then on, when control was
        taken."""
        handle = self._session.handle
        if handle is not None and time.monotonic() - self._last_heartbeat >= self._times.heartbeat_s:
            self._beat(handle)

    def _beat(self, handle: DriverHandle) -> None:
        self._last_heartbeat = time.monotonic()
        try:
            with handle.journal.alone():
                handle.lock.beat()
        except TakenOver:
            self._session.lose(handle)
            raise


def this_process() -> dict[str, Any]:
    """Where a driver drives from, as the journal says it. The terminal is empty when there is none."""
    try:
        terminal = str(Path("/proc/self/fd/0").readlink())
    except OSError:
        terminal = ""
    return {"host": socket.gethostname(), "pid": os.getpid(), "uid": os.geteuid(), "terminal": terminal}


def _silence(lease: Lease, seized: bool) -> float | None:
    """Seconds since the last heartbeat; of a process that has ended, by the clock of its lock file."""
    if seized:
        return round(lease.silent_s, 1)
    return round(max(time.time() - lease.snapshot.touched / 1e9, 0.0), 1) if lease.snapshot else None
