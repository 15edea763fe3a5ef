"""Which messages an event brings with it: to whom, by which channel, in which words.

A driver that died may not have queued them: the next one finds them here as well.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from midwatch.incident.events import Event, EventKind, StepOutcome, ending_words
from midwatch.incident.state import Incident
from midwatch.runbook.channels import INCIDENT_CHANNEL, Channel, ChannelKind
from midwatch.runbook.model import Runbook
from midwatch.system.errors import Refused
from midwatch.system.sanitize import safe_text

TEXT_LIMIT = 12_000
"""Characters of a message."""
_EVENT_LIMIT_BYTES = 40_000
"""Bytes that a text may take in the journal, where an event has at most 64 KiB."""


@dataclass(frozen=True, slots=True)
class OwedMessage:
    """A message that is to be queued."""

    channel: Channel
    text: str
    """Empty: the draft for the readers of the channel."""
    event: int
    """The number of the event that it tells of."""
    role: str = ""
    urgent: bool = False
    action: str = "trigger"

    @property
    def key(self) -> tuple[int, str, str, str]:
        """A message of this key is queued once."""
        return self.event, self.channel.name, self.role, self.action


def owed_messages(
    events: Sequence[Event], incident: Incident, runbook: Runbook, *, since: int
) -> Iterator[OwedMessage]:
    """The messages that the events from this index on call for and that none of them says to be queued.

    A channel outside the team is never used automatically. A driver that begins (`since` is 0) owes nothing for what
    came before the runbook in force.
    """
    events = events[since:]
    if not runbook.channels:
        return
    queued = {
        (e.body["event"], e.body["channel"], e.body["role"], e.body["action"])
        for e in events
        if e.kind == EventKind.MESSAGE_QUEUED
    }
    adopted = 0 if since else max((event.seq for event in events if event.kind == EventKind.ADOPTED), default=0)
    for event in events:
        if event.seq > adopted:
            for message in messages_of(event, incident, runbook):
                if message.key not in queued:
                    yield message


def messages_of(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    """The messages that one event calls for, each channel once."""
    if event.kind in _TELLERS:
        seen: set[str] = set()
        for message in _TELLERS[event.kind](event, incident, runbook):
            channel = message.channel
            if channel.targets and channel.name not in seen and not channel.outside:
                seen.add(channel.name)
                yield message
    if event.body.get("marks") == "acknowledged":
        yield from pager_messages("acknowledge", "acknowledged", event.seq, incident, runbook)


def pager_messages(action: str, text: str, seq: int, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    """What the pagers are told that had a message of this incident."""
    for name in dict.fromkeys(delivery.channel for delivery in incident.deliveries.values()):
        channel = runbook.channels.get(name)
        if channel and any(target.kind is ChannelKind.PAGERDUTY for target in channel.targets):
            yield OwedMessage(channel, text, seq, action=action)


def closing_messages(text: str, seq: int, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    """What is told when the incident ends; queued just before its last event."""
    found = [*_incident(text, seq, runbook), *_roles("closure", text, seq, runbook)]
    for message in found:
        if not message.channel.outside:
            yield dataclasses.replace(message, action="inform")  # a pager is resolved, and paged by nothing more
    yield from pager_messages("resolve", text, seq, incident, runbook)


def is_told_by_channel(runbook: Runbook, role: str) -> bool:
    """Whether a channel tells this role by itself; a person has to otherwise."""
    channel = runbook.channel_of(role)
    return channel is not None and bool(channel.targets) and not channel.outside


def bounded(text: str) -> str:
    """The text as a message holds it: its beginning where it is too long, and nothing that commands a terminal."""
    text = safe_text(text, newlines=True)
    while len(text) > TEXT_LIMIT or len(json.dumps(text)) > _EVENT_LIMIT_BYTES:
        text = text[: min(TEXT_LIMIT, len(text) * 3 // 4) - 1] + "…"
    return text


def require_sendable(text: str) -> str:
    """The text of a message. Raises `Refused` when it is empty or too long."""
    text = text.strip()
    if not text:
        raise Refused("A message needs a text")
    if bounded(text).endswith("…") and not text.endswith("…"):
        raise Refused(f"The message has {len(text):,} characters, and {TEXT_LIMIT:,} are the most", hint="Shorten it")
    return text


def _declared(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    text = f"Incident declared by {event.actor}: {event.body['title']}, {event.body['severity']}."
    if alert := event.body.get("alert"):
        text += f"\nAlert of {alert['source']}: {str(alert['text']).partition(chr(10))[0]}"
    yield from _incident(text, event.seq, runbook, urgent=True)
    yield from _roles("declaration", text, event.seq, runbook, urgent=True)


def _severity(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    body = event.body
    text = f"Severity changed from {body['from']} to {body['to']}: {body['reason']}"
    yield from _incident(text, event.seq, runbook, urgent=True)
    yield from _roles("severity", text, event.seq, runbook, urgent=True)


def _update(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    yield from _incident(str(event.body["message"]), event.seq, runbook)


def _approval(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    """Who may approve: the roles that say so, or else the incident channel."""
    step = str(event.body["step"])
    text = (
        f"{_named(step, runbook)}: {event.actor} asks a second person to approve the plan. "
        f"Read it and approve it with: midwatch approve {incident.id} {shlex.quote(step)}"
    )
    roles = list(_roles("approval", text, event.seq, runbook, urgent=True))
    yield from roles or _incident(text, event.seq, runbook, urgent=True)


def _finished(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    """Of a step that failed: how it ended, and nothing of its output."""
    body = event.body
    if body["outcome"] != StepOutcome.DONE:
        text = f"{_named(str(body['step']), runbook)}: {ending_words(body['outcome'], body['exit'])}."
        yield from _notified(body.get("notify", ()), text, event.seq, runbook, urgent=True)


def _marked_failed(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    text = f"{_named(str(event.body['step']), runbook)}: failed. {event.body['reason']}"
    yield from _notified(event.body.get("notify", ()), text, event.seq, runbook, urgent=True)


def _marked_done(event: Event, incident: Incident, runbook: Runbook) -> Iterator[OwedMessage]:
    step = runbook.find(str(event.body["step"]))
    if step is not None:
        yield from _notified(step.notify, str(event.body["note"]), event.seq, runbook)


def _incident(text: str, seq: int, runbook: Runbook, *, urgent: bool = False) -> Iterator[OwedMessage]:
    if channel := runbook.channels.get(INCIDENT_CHANNEL):
        yield OwedMessage(channel, text, seq, urgent=urgent)


def _roles(moment: str, text: str, seq: int, runbook: Runbook, *, urgent: bool = False) -> Iterator[OwedMessage]:
    roles = (role.id for role in runbook.roles.values() if moment in role.notify_on)
    yield from _notified(roles, text, seq, runbook, urgent=urgent)


def _notified(
    roles: Iterable[str], text: str, seq: int, runbook: Runbook, *, urgent: bool = False
) -> Iterator[OwedMessage]:
    for role in roles:
        if (channel := runbook.channel_of(role)) is not None:
            yield OwedMessage(channel, text, seq, role, urgent)


def _named(step_id: str, runbook: Runbook) -> str:
    step = runbook.find(step_id)
    return f"Step {step.number} {step.title}" if step else f"Step {step_id}"


_TELLERS: Mapping[str, Callable[[Event, Incident, Runbook], Iterator[OwedMessage]]] = {
    EventKind.DECLARED: _declared,
    EventKind.SEVERITY: _severity,
    EventKind.UPDATE: _update,
    EventKind.APPROVAL_ASKED: _approval,
    EventKind.FINISHED: _finished,
    EventKind.MARKED_FAILED: _marked_failed,
    EventKind.MARKED_DONE: _marked_done,
}
