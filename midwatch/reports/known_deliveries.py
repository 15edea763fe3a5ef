"""What is known of the messages of an incident, from its journal and from its outbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from midwatch.incident.message_delivery import MessageDelivery
from midwatch.incident.state import Incident
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.outbox.store import Delivery, OutboxStore
from midwatch.system.clock import from_rfc3339


def known_deliveries(incident: Incident, outbox: Path) -> list[MessageDelivery]:
    """The messages of an incident. Of what the journal does not tell any more, such as after the closure, the outbox
    tells."""
    store = OutboxStore(outbox)
    return [_as_stored(known, store.read(known.id, incident.driver_users)) for known in incident.deliveries.values()]


def _as_stored(known: MessageDelivery, stored: Delivery | None) -> MessageDelivery:
    if stored is None or stored.decision < known.decision or stored.state is known.state:
        return known
    if not stored.state.concluded:
        return replace(known, detail=stored.detail) if known.state is DeliveryState.QUEUED else known
    at = from_rfc3339(stored.at) if stored.at else None
    dropped = known.dropped or (stored.decision > known.decision and stored.state is DeliveryState.GIVEN_UP)
    return replace(known, state=stored.state, detail=stored.detail, at=at, dropped=dropped)
