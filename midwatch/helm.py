"""The wheel of an incident: who comes to it and how, how it is kept, and how it is given back."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from midwatch.actor import login
from midwatch.errors import Refused
from midwatch.incident.events import Kind
from midwatch.incident.lease import BEAT, LEASE, Lease, Lookout, Pulse
from midwatch.incident.lock import DriverLock, TakenOver
from midwatch.journal.reader import Tail
from midwatch.journal.writer import Journal
from midwatch.reasons import optional_reason
from midwatch.record import Record, Wheel, terminal
from midwatch.supervisor.watch import START_GRACE

LEAVING = 5.0 + START_GRACE
"""Seconds for which leaving waits for steps that are just being started."""
_LOOKS = 0.2
"""Seconds between two looks at a driver that may be silent."""


class Helm(Record):
    """A record that can be driven."""

    _lookout: Lookout | None = None
    _beaten = 0.0
    in_place_of_a_silent_one = False
    """Whether the driver before this one was still a process when its wheel was taken: what it began cannot be ruled out."""

    @property
    def lease(self) -> Lease:
        """Who drives, and how alive that is. Look again and again: silence is counted from the first look."""
        if self._lookout is None:
            self._lookout = Lookout(self.folder)
        return self._lookout.look()

    def take_wheel(self, reason: str = "") -> None:
        """Drive this incident from here; does nothing when it is driven from here still.

        A driver that lives is never replaced. One that was silent for its lease, or that ended without giving the wheel
        back, is: with a reason, unless it was the same person. Raises `Refused` when that is not so.
        """
        lease, reason = self.lease, optional_reason(reason)
        with self._mutex:
            if self._wheel is not None:
                self._beaten = 0.0
                self._beat()
                return
            lock, seized = self._lock(lease, reason)
            try:
                journal = Journal.open(self.folder.journal, actor=self.actor, clock=self.clock, fence=lock.require)
            except BaseException:
                lock.release()
                raise
            wheel = Wheel(journal, lock)
            self._take_in(journal.events[len(self.events) :])
            try:
                came = self._came(lease, seized, reason)
            except Refused:
                self._let_go(wheel, trim=False)
                raise
            self._wheel, self._tail = wheel, None
            self.in_place_of_a_silent_one = seized
            if self.incident.open:
                self._append(*came)
            elif self.incident.driver:  # who closed it was gone before it could leave
                self._append(Kind.DRIVER_LEFT, {"reason": "closed"})

    def _lock(self, lease: Lease, reason: str) -> tuple[DriverLock, bool]:
        """The lock, and whether it was taken from a process that may still be there."""
        try:
            return DriverLock.take(self.folder, self.actor), False
        except Refused as refused:
            if lease.pulse is not Pulse.SILENT or lease.driver is None or lease.sight is None:
                raise
            if not reason and login(lease.driver.actor) != login(self.actor):
                raise Refused(
                    f"{refused.sentence}, but has given no sign of life for {lease.silent:.0f} s",
                    hint="Take the wheel with a reason: midwatch --take-over REASON",
                ) from None
            return DriverLock.take_over(self.folder, self.actor, lease.sight), True

    def _came(self, lease: Lease, seized: bool, reason: str) -> tuple[Kind, dict[str, Any]]:
        """The event that says how this driver came to the wheel. Raises `Refused` when it may not without a reason."""
        body: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "terminal": terminal()}
        former = self.incident.driver
        body |= self._by_offer(reason)
        if not self.incident.open or not former or (login(former) == login(self.actor) and not seized):
            return Kind.DRIVER_JOINED, body
        if login(former) != login(self.actor) and not reason:
            raise Refused(
                f"{former} had the wheel and never gave it back: that screen has ended",
                hint="Take the wheel with a reason: midwatch --take-over REASON",
            )
        body |= {"from": former, "reason": reason, "how": "silent" if seized else "ended", "silent": _silence(lease, seized)}
        return Kind.DRIVER_TOOK_OVER, body

    def _by_offer(self, reason: str) -> dict[str, Any]:
        """What an offer of the wheel makes of it. Raises `Refused` when it stands for somebody else and there is no reason."""
        offer = self.incident.offer
        if offer is None or offer.expires <= self.clock.now():
            return {}
        if self.actor == offer.to or login(self.actor) == offer.to:
            return {"from": offer.giver, "offer": offer.seq}
        if not reason and login(self.actor) != login(offer.giver):
            raise Refused(
                f"{offer.giver} offers the wheel to {offer.to} until {offer.expires:%H:%M:%S} UTC",
                hint="Let them take it, or take it with a reason: midwatch --take-over REASON",
            )
        return {"reason": reason} if reason else {}

    def await_silence(self, say: Callable[[str], None]) -> None:
        """Watch whoever drives until it has given a sign of life, or none for a whole lease."""
        first = self.lease
        if first.pulse is Pulse.LIVES:
            say(f"{first.driver}; watching for a sign of life, {LEASE:.0f} s at most")
        while (lease := self.lease).pulse is Pulse.LIVES and lease.sight == first.sight:
            time.sleep(_LOOKS)

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Give signs of life meanwhile, for a front end that does not `poll` while it waits for something."""
        over = threading.Event()

        def beat() -> None:
            with contextlib.suppress(Refused):  # the next thing that is written says why
                while not over.wait(BEAT / 2):
                    self._beat()

        thread = threading.Thread(target=beat, name="beating", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _beat(self) -> None:
        """Show that this driver lives. Raises `Refused`, and observes from then on, when the wheel was taken."""
        wheel = self._wheel
        if wheel is None or time.monotonic() - self._beaten < BEAT:
            return
        self._beaten = time.monotonic()
        try:
            with wheel.journal.alone():
                wheel.lock.beat()
        except TakenOver:
            self._lose(wheel)
            raise

    def _await_starts(self, wheel: Wheel) -> None:
        """The next driver takes what has no supervisor for never begun: so nothing may still be about to begin."""
        deadline = time.monotonic() + LEAVING
        while wheel.under_way and time.monotonic() < deadline:
            time.sleep(0.02)

    def _lose(self, wheel: Wheel) -> None:
        """Somebody took the wheel: follow along from where this driver stood."""
        with self._mutex:
            if self._wheel is wheel:
                self._let_go(wheel, trim=False)
                self._tail = Tail(self.folder.journal)
                self._take_in(self._tail.poll()[len(self.events) :])


def _silence(lease: Lease, seized: bool) -> float | None:
    """Seconds since the last sign of life; of a process that has ended, by the clock of its lock file."""
    if seized:
        return round(lease.silent, 1)
    return round(max(time.time() - lease.sight.touched / 1e9, 0.0), 1) if lease.sight else None
