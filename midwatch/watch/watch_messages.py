"""Tells the channel of a watcher that a trigger fired, by an outbox of the watcher's own."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from midwatch.channels.message import Message
from midwatch.incident.permissions import new_folder
from midwatch.outbox.delivery_start import DeliveryStart
from midwatch.outbox.receivers import is_rehearsal, receivers_of
from midwatch.outbox.store import Delivery, OutboxStore
from midwatch.runbook.model import Runbook
from midwatch.supervisor.logind import hand_over
from midwatch.system.clock import Clock, to_rfc3339
from midwatch.watch.requests import DeclareRequest

_RESOLVED_FROM = 101
"""Numbers of the deliveries that tell of an answer begin with it."""


class WatchMessages:
    """Queues messages of requests; each is queued once, however often it is asked for."""

    def __init__(self, runbook: Runbook, folder: Path, clock: Clock) -> None:
        self._runbook, self._clock = runbook, clock
        self._store = OutboxStore(folder / "outbox")
        self._start = DeliveryStart(self._store.folder, hand_over)

    def tell(self, request: DeclareRequest) -> None:
        """Queue the message of a request. Raises `UntrustedFile` and `OSError`."""
        where = f"It joins {request.joins}: midwatch" if request.joins else f"midwatch declare --request {request.id}"
        self._queue(request, "trigger", f"{request.line}\nSeen on {request.host}. {where}", 1)

    def resolve(self, request: DeclareRequest, words: str) -> None:
        """Tell pagers that somebody answered. Raises `UntrustedFile` and `OSError`."""
        self._queue(request, "resolve", words, _RESOLVED_FROM)

    def keep_sending(self) -> None:
        """See that a process sends what is queued. Raises `UntrustedFile` and `OSError`."""
        if any(not delivery.state.concluded for delivery in self._store.own()):
            self._start.ensure()

    def forget_before(self, queued_at: float) -> None:
        """Remove deliveries that were concluded and queued before this time of day."""
        for delivery in self._store.own():
            if delivery.state.concluded and delivery.queued_at < queued_at:
                for suffix in ("json", "decision"):
                    with contextlib.suppress(OSError):
                        (self._store.folder / f"{delivery.id}.{suffix}").unlink(missing_ok=True)

    def _queue(self, request: DeclareRequest, action: str, text: str, first: int) -> None:
        channel = self._runbook.channels.get(self._runbook.watch.channel)
        if channel is None or channel.outside:  # people outside the team are told by a person only
            return
        with contextlib.suppress(FileExistsError):
            new_folder(self._store.folder)
        at = to_rfc3339(self._clock.now())
        receivers = receivers_of(channel, action, self._runbook, self._store.folder)
        for number, (_, target) in enumerate(receivers, start=first):
            message = Message(
                id=f"{request.number}.{number}",
                incident=request.id,
                title=request.title,
                severity=request.severity,
                environment=self._runbook.environment.value,
                text=text,
                at=at,
                urgent=True,
                action=action,
                rehearsal=is_rehearsal(self._runbook),
            )
            self._store.add(Delivery(message, target, channel.name, at=at, queued_at=time.time()))
