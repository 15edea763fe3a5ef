"""The header says how many messages did not reach their receivers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from midwatch.incident.message_delivery import MessageDelivery
from midwatch.incident.state import Incident
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.runbook.model import Environment, Severity
from screens.widgets.styles import TextStyles
from screens.widgets.top_bar import top_bar

NOW = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)


def header(*deliveries: MessageDelivery) -> str:
    incident = Incident(title="Title", severity=Severity.SEV1, declared_at=NOW)
    incident.deliveries = {delivery.id: delivery for delivery in deliveries}
    bar = top_bar(incident, Environment.PRODUCTION, None, NOW, 120, TextStyles(), steady=60.0, driving=True)
    return bar.plain


def delivery(number: int, state: DeliveryState, *, since_s: float = 1.0, dropped: bool = False) -> MessageDelivery:
    queued = NOW - timedelta(seconds=since_s)
    return MessageDelivery(f"{number}.1", "incident", "slack ($URL)", "", "text", queued, state=state, dropped=dropped)


def test_what_is_not_delivered_stands_in_the_header_and_what_is_on_its_way_does_not() -> None:
    on_its_way = delivery(1, DeliveryState.QUEUED)
    accepted, dropped = delivery(2, DeliveryState.ACCEPTED), delivery(3, DeliveryState.REFUSED, dropped=True)
    assert "not delivered" not in header(on_its_way, accepted, dropped)
    late, unsure = delivery(4, DeliveryState.QUEUED, since_s=60.0), delivery(5, DeliveryState.UNSURE)
    assert "2 messages not delivered" in header(on_its_way, accepted, dropped, late, unsure)
