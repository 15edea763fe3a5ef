"""The delivery process: sends what one user has queued for one incident, until nothing is left to send.

A delivery stands as `sending` on disk before its first byte leaves, and as what became of it afterwards. So a process
that is killed leaves no doubt about which messages may have arrived.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from midwatch.channels.message import Answer, Message, Verdict
from midwatch.channels.senders import send
from midwatch.outbox.delivery_start import lock_file
from midwatch.outbox.limits import DeliveryLimits, lane_of
from midwatch.outbox.store import Delivery, DeliveryState, OutboxStore
from midwatch.runbook.channels import ChannelKind, ChannelTarget
from midwatch.system.clock import Clock, SystemClock, to_rfc3339
from midwatch.system.file_locks import release, try_lock
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import open_lock

_LOG = logging.getLogger(__name__)
_LONGEST_SLEEP_S = 1.0
_GRACE_S = 15.0
"""Seconds beyond a target's own time limits after which a send is no longer waited for."""
_STATES = {
    Verdict.ACCEPTED: DeliveryState.ACCEPTED,
    Verdict.REFUSED: DeliveryState.REFUSED,
    Verdict.UNSURE: DeliveryState.UNSURE,
    Verdict.GIVE_UP: DeliveryState.GIVEN_UP,
    Verdict.WAIT: DeliveryState.QUEUED,
}
Send = Callable[[Message, ChannelTarget], Answer]


class _Flight:
    """One send that is under way, in a thread of its own."""

    def __init__(self, delivery: Delivery, send: Send, landed: threading.Event) -> None:
        self.delivery = delivery
        self.answer: Answer | None = None
        self.overdue_at = time.monotonic() + 2 * delivery.target.timeout + _GRACE_S
        self._send, self._landed = send, landed
        threading.Thread(target=self._run, name=f"send {delivery.id}", daemon=True).start()

    def _run(self) -> None:
        self.answer = self._send(self.delivery.message, self.delivery.target)
        self._landed.set()

    def take(self) -> Answer | None:
        """The answer, once there is one or nobody waits for it any more."""
        if self.answer is None and time.monotonic() >= self.overdue_at:
            return Answer(Verdict.UNSURE, "the send did not end within its time limit")
        return self.answer


class DeliveryProcess:
    """Sends the deliveries of a store. One runs for each user and incident: it holds a lock."""

    def __init__(
        self,
        store: OutboxStore,
        *,
        send: Send = send,
        limits: DeliveryLimits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store, self._send, self._limits = store, send, limits or DeliveryLimits()
        self._clock = clock or SystemClock()
        self._moments: dict[tuple[str, str, float], float] = {}
        """Times of day that deliveries have, as seconds of the boot clock, which nobody sets."""
        self._flights: dict[tuple[str, ...], _Flight] = {}
        self._free_at: dict[tuple[str, ...], float] = {}
        """Lane → seconds of the boot clock from which on it may be used."""
        self._landed = threading.Event()

    def run(self) -> None:
        """Send until nothing is left, or the outbox was removed. Returns at once where another process does it.

        Raises `OSError`.
        """
        while self._pending():
            with self._lock() as held:
                if not held:
                    return
                self._recover()
                while self._store.folder.is_dir() and (self._pending() or self._flights):
                    self._round()
            # what was queued while the lock was given back found the lock taken, so this process looks again

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool]:
        descriptor = open_lock(lock_file(self._store.folder), Trust.own().in_any_folder())
        try:
            yield try_lock(descriptor)
        finally:
            release(descriptor)

    def _pending(self) -> bool:
        return any(not delivery.state.concluded or self._is_undecided(delivery) for delivery in self._store.own())

    def _is_undecided(self, delivery: Delivery) -> bool:
        decision = self._store.decision(delivery.id)
        return decision is not None and decision.number > delivery.decision

    def _recover(self) -> None:
        """A process that died left a delivery as `sending`: the message may have arrived."""
        for delivery in self._store.own():
            if delivery.state is DeliveryState.SENDING:
                words = "the process that sent it ended before there was an answer"
                again = delivery.target.drops_repeats
                state = DeliveryState.QUEUED if again else DeliveryState.UNSURE
                self._store.write(delivery.changed(state, self._now(), words))

    def _round(self) -> None:
        """Take answers in, follow decisions, begin what is due, and wait for the next of these."""
        self._landed.clear()
        for lane, flight in list(self._flights.items()):
            if (answer := flight.take()) is not None:
                with contextlib.suppress(OSError):  # a full disk: the answer is kept, and written once there is room
                    self._take(flight.delivery, answer)
                    del self._flights[lane]
        busy = {flight.delivery.id for flight in self._flights.values()}
        waits_s = [_LONGEST_SLEEP_S] if self._flights else []
        in_order: set[tuple[str, ...]] = set()
        for delivery in self._store.own():
            lane = lane_of(delivery.target)
            if delivery.id not in busy and lane not in in_order:
                try:
                    delivery = self._decided(delivery)
                    if delivery.state is DeliveryState.QUEUED:
                        waits_s.append(self._begin(delivery))
                except OSError:  # nothing is sent that cannot be put on disk first
                    waits_s.append(_LONGEST_SLEEP_S)
            if delivery.target.kind is ChannelKind.PAGERDUTY and not delivery.state.concluded:
                in_order.add(lane)  # a trigger that came after its resolve would open the alert again
        if waits_s:
            self._landed.wait(min(max(min(waits_s), 0.005), _LONGEST_SLEEP_S))

    def _decided(self, delivery: Delivery) -> Delivery:
        """The delivery after what a person decided on it."""
        decision = self._store.decision(delivery.id)
        if decision is None or decision.number <= delivery.decision:
            return delivery
        state = DeliveryState.QUEUED if decision.retry else DeliveryState.GIVEN_UP
        if delivery.state is DeliveryState.ACCEPTED:  # it arrived meanwhile, and nobody gets it twice
            decided = delivery.changed(delivery.state, delivery.at, delivery.detail, decision=decision.number)
        else:
            fresh = {"tries": 0, "next_at": 0.0, "queued_at": self._clock.now().timestamp()} if decision.retry else {}
            decided = delivery.changed(state, self._now(), decision.reason, decision=decision.number, **fresh)
        self._store.write(decided)
        return decided

    def _begin(self, delivery: Delivery) -> float:
        """Send it if it is due; the seconds until it is."""
        lane, (age_s, left) = lane_of(delivery.target), self._times(delivery)
        if delivery.message.rehearsal and not self._is_local(delivery.target):
            refused = "a rehearsal sends nothing to a real receiver"
            self._store.write(delivery.changed(DeliveryState.GIVEN_UP, self._now(), refused))
            return 0.0
        if age_s > self._limits.give_up_after_s:
            hours = self._limits.give_up_after_s / 3600
            words = f"not delivered within {hours:g} h; last: {delivery.detail or 'not sent'}"
            self._store.write(delivery.changed(DeliveryState.GIVEN_UP, self._now(), words))
            return 0.0
        left = max(left, self._free_at.get(lane, 0.0) - time.monotonic())
        if left <= 0 and lane not in self._flights:
            sending = delivery.changed(DeliveryState.SENDING, self._now(), delivery.detail, tries=delivery.tries + 1)
            self._store.write(sending)
            self._free_at[lane] = time.monotonic() + self._limits.interval_s(delivery.target)
            self._flights[lane] = _Flight(sending, self._send, self._landed)
        return left if left > 0 else _LONGEST_SLEEP_S

    def _times(self, delivery: Delivery) -> tuple[float, float]:
        """Seconds since it was queued and until it is due: a clock that is set meanwhile changes neither."""
        now, time_of_day = self._clock.monotonic(), self._clock.now().timestamp()
        age_s = max(time_of_day - delivery.queued_at, 0.0)
        left_s = min(delivery.next_at - time_of_day, 13 * self._limits.longest_wait_s)  # as long as a receiver may ask
        queued = self._moments.setdefault((delivery.id, "queued", delivery.queued_at), now - age_s)
        due = self._moments.setdefault((delivery.id, "due", delivery.next_at), now + left_s)
        return now - queued, due - now

    def _now(self) -> str:
        return to_rfc3339(self._clock.now())

    def _is_local(self, target: ChannelTarget) -> bool:
        """Whether this is a file of the outbox itself: all that a rehearsal may reach."""
        return target.kind is ChannelKind.FILE and Path(target.path).parent == self._store.folder

    def _take(self, delivery: Delivery, answer: Answer) -> None:
        """Put on disk what became of a send."""
        verdict = answer.verdict
        if verdict is Verdict.UNSURE and delivery.target.drops_repeats:
            verdict = Verdict.WAIT
        fields = {}
        if verdict is Verdict.WAIT:
            wait_s = self._limits.wait_s(delivery.tries - 1, answer.retry_after_s)
            fields["next_at"] = self._clock.now().timestamp() + wait_s
            if answer.retry_after_s is not None:
                self._free_at[lane_of(delivery.target)] = time.monotonic() + answer.retry_after_s
        _LOG.info("Delivery %s: %s, %s", delivery.id, answer.verdict, answer.detail)
        self._store.write(delivery.changed(_STATES[verdict], self._now(), answer.detail, **fields))
