"""The reducer's part for messages by channels: what was queued, and what became of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from midwatch.incident.events import Event, EventKind
from midwatch.incident.message_delivery import MessageDelivery
from midwatch.incident.state import Incident
from midwatch.incident.step_reducer import Body, Handler
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.system.clock import from_rfc3339

FATES = {
    DeliveryState.ACCEPTED: EventKind.NOTIFICATION_ACCEPTED,
    DeliveryState.REFUSED: EventKind.MESSAGE_REFUSED,
    DeliveryState.UNSURE: EventKind.MESSAGE_UNSURE,
    DeliveryState.GIVEN_UP: EventKind.MESSAGE_GIVEN_UP,
}
"""What the journal calls each end of a delivery."""
_STATES: dict[str, DeliveryState] = {kind: state for state, kind in FATES.items()}


def _queued(incident: Incident, event: Event, body: Body) -> None:
    new = {
        f"{event.seq}.{number}": MessageDelivery(
            f"{event.seq}.{number}",
            body["channel"],
            receiver,
            body["role"],
            body["message"],
            event.time,
            rehearsal=body["rehearsal"],
        )
        for number, receiver in enumerate(body["receivers"], start=1)
    }
    incident.deliveries = {**incident.deliveries, **new}
    incident.to_notify = {role: why for role, why in incident.to_notify.items() if role != body["role"]}


def _concluded(incident: Incident, event: Event, body: Body) -> None:
    """What did not reach a role is left to a person."""
    at = from_rfc3339(body["at"]) if body["at"] else event.time
    changes = {"state": _STATES[event.kind], "detail": body["detail"], "at": at}
    delivery = _replace(incident, body["delivery"], changes)
    if delivery is not None and delivery.role and delivery.undelivered:
        why = f"message {delivery.id} was not delivered ({delivery.state})"
        incident.to_notify = {**incident.to_notify, delivery.role: why}


def _decided(incident: Incident, event: Event, body: Body) -> None:
    again = {"state": DeliveryState.QUEUED, "detail": body["reason"], "at": event.time, "dropped": False}
    dropped = {"detail": body["reason"], "dropped": True}
    _replace(incident, body["delivery"], (again if body["retry"] else dropped) | {"decision": event.seq})


def _replace(incident: Incident, delivery_id: str, changes: dict[str, Any]) -> MessageDelivery | None:
    if (delivery := incident.deliveries.get(delivery_id)) is None:
        return None
    changed = dataclasses.replace(delivery, **changes)
    incident.deliveries = {**incident.deliveries, delivery_id: changed}
    return changed


MESSAGE_HANDLERS: dict[str, Handler] = {
    EventKind.MESSAGE_QUEUED: _queued,
    EventKind.MESSAGE_DECIDED: _decided,
    **dict.fromkeys(FATES.values(), _concluded),
}
