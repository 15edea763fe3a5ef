"""Describes messages by channels and what became of them, for every front end and every export."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from midwatch.incident.events import EventKind
from midwatch.incident.message_delivery import MessageDelivery
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.system.clock import from_rfc3339
from midwatch.system.units import counted

Body = Mapping[str, Any]
FATES: Mapping[str, str] = {
    EventKind.NOTIFICATION_ACCEPTED: "accepted",
    EventKind.MESSAGE_REFUSED: "refused",
    EventKind.MESSAGE_UNSURE: "unsure: the message may have arrived",
    EventKind.MESSAGE_GIVEN_UP: "given up",
}
"""What became of a message, by the kind of the event that tells it."""
MESSAGE_KINDS = frozenset({EventKind.MESSAGE_QUEUED, EventKind.MESSAGE_DECIDED, *FATES})
"""The kinds of events that tell of messages by channels."""


def message_words(kind: str, body: Body) -> str:
    """One event of a message, as one line of foreign text that is not cleaned yet."""
    if kind == EventKind.MESSAGE_QUEUED:
        rehearsal = " (rehearsal: nobody gets it)" if body.get("rehearsal") else ""
        outside = ", outside the team" if body.get("audience") == "outside" else ""
        receivers = "; ".join(map(str, body.get("receivers", ()))) or "no receiver"
        verb = "" if body.get("action") in ("trigger", "inform") else f" ({body.get('action')})"
        return f"Message to {body.get('channel')}{verb}{outside}{rehearsal}, {receivers}: {body.get('message')}"
    if kind == EventKind.MESSAGE_DECIDED:
        what = "is sent anew" if body.get("retry") else "is not sent any more"
        return f"Message {body.get('delivery')} {what}: {body.get('reason')}"
    detail = f". {body.get('detail')}" if body.get("detail") else ""
    tries = f", after {body.get('tries')} tries" if (body.get("tries") or 0) > 1 else ""
    at = f" at {_time(str(body.get('at')))}" if body.get("at") else ""
    return f"Message {body.get('delivery')} to {body.get('receiver')}: {FATES[kind]}{at}{tries}{detail}"


def update_words(body: Body) -> str:
    """`Status update by ben`: what kind of status update an event is."""
    by = f" by {body['by']}" if body.get("by") else ""
    return f"{'Automatic status' if body.get('automatic') else 'Status'} update{by}"


def delivery_words(delivery: MessageDelivery) -> str:
    """`12.1 to slack ($SLACK_URL), refused: HTTP 404: no_service`."""
    detail = f": {delivery.detail}" if delivery.detail else ""
    state = "not delivered yet" if delivery.state is DeliveryState.QUEUED else str(delivery.state)
    return f"{delivery.id} to {delivery.receiver}, {state}{detail}"


def unanswered_words(delivery: MessageDelivery) -> str:
    """`Message 12.1 to slack ($SLACK_URL) was refused`; of one that waits for a person's decision."""
    became = "may have arrived" if delivery.state is DeliveryState.UNSURE else f"was {delivery.state}"
    return f"Message {delivery.id} to {delivery.receiver} {became}"


def undelivered_words(count: int) -> str:
    """`2 messages not delivered`; empty for none."""
    return f"{counted(count, 'message')} not delivered" if count else ""


def overdue_words(count: int, due: datetime) -> str:
    """`3 status updates are overdue, the first since 02:29 UTC`."""
    if count == 1:
        return f"A status update is due since {due:%H:%M} UTC"
    return f"{count} status updates are overdue, the first since {due:%H:%M} UTC"


def _time(at: str) -> str:
    try:
        return f"{from_rfc3339(at):%H:%M:%S}"
    except ValueError:
        return at
