"""The header: what did not reach its receivers, and fields that keep their places while the time runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from midwatch.incident.message_delivery import MessageDelivery
from midwatch.incident.state import Incident
from midwatch.incident.step_state import StepState
from midwatch.incident.step_status import StepStatus
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.runbook.model import Environment
from midwatch.runbook.severity import Severity
from screens.widgets.styles import TextStyles
from screens.widgets.top_bar import top_bar

NOW = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)


def header(*deliveries: MessageDelivery) -> str:
    incident = Incident(title="Title", severity=Severity.SEV1, declared_at=NOW)
    incident.deliveries = {delivery.id: delivery for delivery in deliveries}
    bar = top_bar(incident, Environment.PRODUCTION, None, NOW, 120, TextStyles(), steady=60.0, driving=True)
    return bar.plain


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_role_time_and_next_update_keep_their_places_whatever_comes_and_goes(width: int) -> None:
    def place(left_s: float, *, journal: str = "", running: bool = False) -> tuple[int, int]:
        incident = Incident(title="Backup failure", severity=Severity.SEV1, declared_at=NOW, driver="ada@bastion")
        if running:
            incident.steps = {"one": StepState("one", StepStatus.RUNNING)}
        due = NOW + timedelta(seconds=left_s)
        bar = top_bar(
            incident,
            Environment.PRODUCTION,
            due,
            NOW,
            width,
            TextStyles(),
            steady=840.0,
            driving=True,
            journal=journal,
        )
        assert ("✗ journal" in bar.plain) == bool(journal)
        assert "running" in bar.plain or not running or width < 100
        return bar.plain.index("DRIVING"), bar.plain.rfind("update")

    places = {place(left_s) for left_s in (3540, 600, 180, 119, 59, 1)}
    assert len(places) == 1
    assert places == {place(180, running=True), place(180, journal="Disk full"), place(5)}
    late = {place(left_s) for left_s in (-1, -59, -61, -7200)}
    assert len(late) == 1
    assert width < 80 or late.pop()[0] == places.pop()[0]


def delivery(number: int, state: DeliveryState, *, since_s: float = 1.0, dropped: bool = False) -> MessageDelivery:
    queued = NOW - timedelta(seconds=since_s)
    return MessageDelivery(f"{number}.1", "incident", "slack ($URL)", "", "text", queued, state=state, dropped=dropped)


def test_what_is_not_delivered_stands_in_the_header_and_what_is_on_its_way_does_not() -> None:
    on_its_way = delivery(1, DeliveryState.QUEUED)
    accepted, dropped = delivery(2, DeliveryState.ACCEPTED), delivery(3, DeliveryState.REFUSED, dropped=True)
    assert "not delivered" not in header(on_its_way, accepted, dropped)
    late, unsure = delivery(4, DeliveryState.QUEUED, since_s=60.0), delivery(5, DeliveryState.UNSURE)
    assert "2 messages not delivered" in header(on_its_way, accepted, dropped, late, unsure)
