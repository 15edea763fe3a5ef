"""Messages by channels: queues them, starts the process that sends them, and journals what became of them.

The event comes first, then the file of the outbox, then the process. Whatever the driver did not come to is done at the
next poll, or by the next driver.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator

from midwatch.channels.message import Message
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.owed_messages import OwedMessage, bounded, closing_messages, owed_messages, require_sendable
from midwatch.engine.reasons import require_reason
from midwatch.incident.event_redaction import masked
from midwatch.incident.events import Event, EventKind
from midwatch.incident.message_delivery import MessageDelivery
from midwatch.incident.message_reducer import FATES
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import new_folder
from midwatch.outbox.delivery_start import DeliveryStart
from midwatch.outbox.receivers import is_rehearsal, receivers_of
from midwatch.outbox.store import Decision, Delivery, DeliveryState, OutboxStore
from midwatch.reports.message_draft import draft
from midwatch.runbook.channels import Channel, ChannelTarget
from midwatch.supervisor.logind import hand_over
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, MidwatchError, Refused
from midwatch.system.suggestion import suggest

_LOG = logging.getLogger(__name__)
_LOOK_INTERVAL_S = 2.0
"""Seconds after which the outbox is read again although nothing in it seems to have changed: times of files are
coarse."""


class Messages:
    """Queues messages and follows what becomes of them. Calls of an observer raise `Refused`."""

    def __init__(self, session: JournalSession) -> None:
        self._session = session
        self._store = OutboxStore(session.folder.outbox)
        self._start = DeliveryStart(self._store.folder, hand_over)
        self._scanned = 0
        """The number of events for which nothing more is owed."""
        self._seen = (0, 0)
        """The number of events, and when a file of the outbox was replaced last, as of the last look at the outbox."""
        self._next_look_at = 0.0

    def send(self, channel_name: str, text: str, *, confirmed: bool = False) -> None:
        """Queue a person's message. Raises `Refused` for a channel outside the team, unless a person confirmed this
        text and these receivers, and `BadInput` for a channel that is not there.
        """
        channel = self.channel(channel_name)
        if channel.outside and not confirmed:
            sentence = f"People outside the team read the channel {channel_name}"
            raise Refused(sentence, hint="Confirm the text and the receivers first")
        if not channel.targets:
            raise Refused(f"The channel {channel_name} has no receivers", hint="Add one in the site file")
        with self._session.mutex:
            event = len(self._session.events) + 1  # its own: it tells of nothing else
            self._queue(OwedMessage(channel, require_sendable(text), event, _role_of(channel, self._session)))
            self._ensure_sending()

    def channel(self, name: str) -> Channel:
        """The channel of this name. Raises `BadInput` where there is none."""
        channels = self._session.runbook.channels
        if name not in channels:
            hint = suggest(name, channels, "Channels") if channels else "docs/communication.md says how to set one up"
            raise BadInput(f"There is no channel {name!r}", hint=hint)
        return channels[name]

    def receivers(self, channel_name: str) -> list[str]:
        """Who would get a message of this channel, in words."""
        return [words for words, _ in self._receivers(self.channel(channel_name), "trigger")]

    def decide(self, delivery_id: str, *, retry: bool, reason: str) -> None:
        """Send a message anew, or do not send it any more, by a person's word; after the end as well, of own ones."""
        session = self._session
        if not session.incident.open:
            decide_after_end(session.folder, delivery_id, retry=retry, reason=reason)
            return
        with session.mutex:
            session.require_driver()
            delivery = session.incident.deliveries.get(delivery_id)
            if delivery is None:
                known = ", ".join(item.id for item in session.incident.undelivered)
                raise BadInput(f"There is no message {delivery_id!r}", hint=f"Not delivered: {known or 'none'}")
            if delivery.state is DeliveryState.ACCEPTED:
                raise Refused(f"Message {delivery_id} was accepted", hint="Write a new one")
            body = {"delivery": delivery_id, "retry": retry, "reason": require_reason(reason)}
            session.append(EventKind.MESSAGE_DECIDED, body)
            self._ensure_sending()

    @property
    def can_decide(self) -> bool:
        """Whether a decision on a message is taken here: by the driver, or after the end."""
        return self._session.driving or not self._session.incident.open

    def follow(self) -> None:
        """Queue what the events since the last call bring with them, and take in what became of messages."""
        session = self._session
        with session.mutex:
            if not session.driving or not session.incident.open:
                return
            if self._scanned != len(session.events):
                events, since = session.events, self._scanned
                for message in list(owed_messages(events, session.incident, session.runbook, since=since)):
                    self._queue(message)
                self._scanned = len(session.events)
            seen, now = (len(session.events), self._store.changed_at()), time.monotonic()
            if seen != self._seen or now >= self._next_look_at:
                self._take_fates()
                self._ensure_sending()
                self._seen, self._next_look_at = seen, now + _LOOK_INTERVAL_S

    def announce_end(self, text: str) -> None:
        """Queue what is told at the end of the incident; its last event follows."""
        session = self._session
        with session.mutex:
            self.follow()
            owed = closing_messages(text, 0, session.incident, session.runbook)
            seq = len(session.events) + 1 + sum(bool(self._receivers(item.channel, item.action)) for item in owed)
            for message in list(closing_messages(text, seq, session.incident, session.runbook)):
                self._queue(message)
            self._ensure_sending()

    def _queue(self, message: OwedMessage) -> None:
        session, channel = self._session, message.channel
        receivers = [words for words, _ in self._receivers(channel, message.action)]
        if not receivers:
            return
        text = message.text or draft(session.runbook, session.incident, session.events, session.clock, channel.name)
        body = {
            "channel": channel.name,
            "role": message.role,
            "message": bounded(text),
            "audience": "outside" if channel.outside else "inside",
            "urgent": message.urgent,
            "action": message.action,
            "receivers": receivers,
            "rehearsal": is_rehearsal(session.runbook),
            "event": message.event,
        }
        session.append(EventKind.MESSAGE_QUEUED, body)

    def _receivers(self, channel: Channel, action: str) -> list[tuple[str, ChannelTarget]]:
        return receivers_of(channel, action, self._session.runbook, self._store.folder)

    def _ensure_sending(self) -> None:
        """Put on disk what has no file yet, and see that a process sends it. What fails is tried again later."""
        waiting = [item for item in self._session.incident.deliveries.values() if _is_outstanding(item)]
        if not waiting:
            return
        new = False
        for delivery in waiting:
            with _logged():
                new = self._put_on_disk(delivery) or new
        with _logged():
            if any(self._store.is_by(delivery.id) for delivery in waiting):
                self._start.ensure(at_once=new)

    def _put_on_disk(self, known: MessageDelivery) -> bool:
        """Whether there was something to be put on disk."""
        store, users = self._store, self._session.incident.driver_users
        stored = store.read(known.id, users)
        if stored is None:
            with contextlib.suppress(FileExistsError):
                new_folder(store.folder)
            if (fresh := self._delivery_of(known)) is not None:
                store.add(fresh, users)
        if known.decision and (stored is None or stored.decision < known.decision):
            if stored and stored.state.concluded and not known.dropped and not store.is_by(known.id):
                if (fresh := self._delivery_of(known)) is not None:  # nobody sends what another user queued
                    store.write(dataclasses.replace(fresh, decision=known.decision))
                return True
            decision = store.decision(known.id)
            if decision is None or decision.number < known.decision:
                store.decide(known.id, Decision(known.decision, not known.dropped, known.detail))
                return True
        return stored is None

    def _delivery_of(self, known: MessageDelivery) -> Delivery | None:
        """The delivery as the outbox has it, made of its event; None where the runbook has no such receiver any
        more."""
        session = self._session
        seq, number = map(int, known.id.split("."))
        event = next(event for event in reversed(session.events) if event.seq == seq)
        channel = session.runbook.channels.get(known.channel)
        receivers = self._receivers(channel, str(event.body["action"])) if channel else []
        words = masked({"receivers": [words for words, _ in receivers]}, session.secrets)["receivers"]
        if known.receiver not in words[number - 1 : number]:
            reason = "the runbook has no such receiver any more"
            self._record(known, DeliveryState.GIVEN_UP, to_rfc3339(session.clock.now()), reason, 0)
            return None
        at = to_rfc3339(event.time)
        message = self._message(known, event, at)
        return Delivery(message, receivers[number - 1][1], known.channel, at=at, queued_at=time.time())

    def _message(self, known: MessageDelivery, event: Event, at: str) -> Message:
        session = self._session
        return Message(
            id=known.id,
            incident=session.incident.id,
            title=session.incident.title,
            severity=session.incident.severity.value,
            environment=session.runbook.environment.value,
            text=known.text,
            at=at,
            urgent=bool(event.body["urgent"]),
            action=str(event.body["action"]),
            rehearsal=known.rehearsal,
        )

    def _take_fates(self) -> None:
        """Journal what the delivery process has written since the last call."""
        incident = self._session.incident
        for known in incident.deliveries.values():
            if known.state is DeliveryState.ACCEPTED:
                continue
            stored = self._store.read(known.id, incident.driver_users)
            is_new = stored is not None and stored.state.concluded and stored.state is not known.state
            if stored is not None and is_new and stored.decision >= known.decision:
                self._record(known, stored.state, stored.at, stored.detail, stored.tries)

    def _record(self, known: MessageDelivery, state: DeliveryState, at: str, detail: str, tries: int) -> None:
        body = {
            "delivery": known.id,
            "channel": known.channel,
            "role": known.role,
            "receiver": known.receiver,
            "detail": detail,
            "at": at,
            "tries": tries,
        }
        self._session.append(FATES[state], body)


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except (OSError, MidwatchError) as error:
        _LOG.warning("The outbox cannot be written: %s", error)


def _is_outstanding(delivery: MessageDelivery) -> bool:
    """Whether the delivery process still has something to do with it."""
    return delivery.state is DeliveryState.QUEUED or (delivery.dropped and delivery.state is not DeliveryState.GIVEN_UP)


def _role_of(channel: Channel, session: JournalSession) -> str:
    """The role that this channel alone reaches; empty for a channel of several or none."""
    runbook = session.runbook
    roles = [role for role in runbook.roles if runbook.channel_of(role) == channel]
    return roles[0] if len(roles) == 1 else ""


def resume_delivery(folder: IncidentFolder) -> None:
    """Start the process for what this user has queued and nobody sends: it may have been killed. Raises
    `UntrustedFile` and `OSError`."""
    store = OutboxStore(folder.outbox)
    if any(not delivery.state.concluded for delivery in store.own()):
        DeliveryStart(store.folder, hand_over).ensure()


def decide_after_end(folder: IncidentFolder, delivery_id: str, *, retry: bool, reason: str) -> None:
    """Decide on a message of an incident that has ended: its journal takes no more, and its outbox keeps the decision.

    Raises `BadInput` for a message that is not this user's, and `Refused` for one that was accepted.
    """
    store, words = OutboxStore(folder.outbox), require_reason(reason)
    delivery = next((item for item in store.own() if item.id == delivery_id), None)
    if delivery is None:
        raise BadInput(f"There is no message {delivery_id!r} that you queued", hint=f"midwatch messages {folder.id}")
    if delivery.state is DeliveryState.ACCEPTED:
        raise Refused(f"Message {delivery_id} was accepted", hint="It has arrived")
    last = store.decision(delivery_id)
    store.decide(delivery_id, Decision(max(delivery.decision, last.number if last else 0) + 1, retry, words))
    DeliveryStart(store.folder, hand_over).ensure()
