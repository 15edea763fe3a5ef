"""Alerts as monitoring sends them: three forms are read, any others get one sentence, and foreign text is harmless."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.incident.alert import ALERTS_AT_MOST, TEXT_LIMIT, AlertState, described, known_alerts
from midwatch.incident.alert_formats import read_alerts
from midwatch.incident.event_types import require_types
from midwatch.system.errors import BadInput
from midwatch.system.sanitize import has_controls
from tests.support.alerts import alertmanager, events_v2, webhook_v3
from tests.support.examples import examples
from tests.support.json_values import JSON

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
STARTED = datetime(2026, 11, 23, 2, 10, tzinfo=UTC)


def read(delivery: Any) -> Any:
    return read_alerts(json.dumps(delivery).encode(), NOW)


def test_alertmanager_gives_each_alert_with_its_key_severity_start_and_runbook() -> None:
    firing, resolved = read(alertmanager("a1", ("b2", "resolved")))
    assert (firing.source, firing.key, firing.state) == ("alertmanager", "a1", AlertState.FIRING)
    assert (firing.title, firing.severity, firing.started_at) == ("BackupDiskFull", "critical", STARTED)
    assert firing.runbook_url == "https://runbooks.example.org/backup"
    assert (resolved.state, resolved.at) == (AlertState.RESOLVED, datetime(2026, 11, 23, 2, 40, tzinfo=UTC))
    assert firing.value("instance") == "bk1:9100"
    assert firing.value("summary") == "The backup volume is 96 % full"
    assert described([firing]).splitlines() == [
        "BackupDiskFull (critical), since 2026-11-23 02:10:00 UTC",
        "The backup volume is 96 % full",
        "labels: alertname=BackupDiskFull, instance=bk1:9100, severity=critical",
        "runbook: https://runbooks.example.org/backup",
        "see: https://prometheus.example.org/graph?g0",
    ]


def test_pagerduty_gives_the_same_key_in_both_forms_and_no_routing_key() -> None:
    (event,), (incident,) = read(events_v2("trigger")), read(webhook_v3("incident.triggered"))
    assert event.sha256 == incident.sha256
    assert (event.severity, incident.severity) == ("critical", "P1")
    assert event.started_at == incident.started_at == STARTED
    assert "R0UT1NGKEY" not in repr(event)
    states = [read(events_v2(action))[0].state for action in ("trigger", "acknowledge", "resolve")]
    assert states == [AlertState.FIRING, AlertState.CHANGED, AlertState.RESOLVED]
    (taken,) = read(webhook_v3("incident.acknowledged"))
    assert (taken.state, taken.change) == (AlertState.CHANGED, "acknowledged by Ada")
    assert read(webhook_v3("incident.resolved"))[0].state is AlertState.RESOLVED
    assert read({"event": {"event_type": "pagey.ping", "data": {"message": "Hello"}}}) == []


@pytest.mark.parametrize(
    ("delivery", "why"),
    [
        ({}, "has no form that is known"),
        ({"alerts": [7]}, "is no object"),
        ({"alerts": [{"status": "firing"}]}, "has no labels"),
        ({"alerts": [{"status": "odd", "labels": {"a": "b"}}]}, "status has to be one of firing, resolved"),
        ({"event_action": "trigger"}, "neither a dedup_key nor a summary"),
        ({"event_action": "shout", "dedup_key": "x"}, "event_action has to be one of trigger"),
        ({"event": {"event_type": "incident.triggered", "data": {}}}, "names no incident"),
        ({"event_action": "resolve", "dedup_key": 7}, "dedup_key has to be a text"),
    ],
)
def test_delivery_of_no_known_form_says_what_is_wrong(delivery: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read(delivery)


KEYS = sorted({*alertmanager("a")["alerts"][0], *events_v2("trigger"), *webhook_v3("x")["event"]["data"], "event_type"})


@settings(max_examples=examples(40))
@given(st.integers(0, 3), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_any_delivery_is_read_or_refused_in_one_sentence(form: int, odd: dict[str, Any]) -> None:
    group, event, hook, nothing = alertmanager("a"), events_v2("trigger"), webhook_v3("incident.triggered"), {}
    delivery, part = [(group, group["alerts"][0]), (event, event), (hook, hook["event"]["data"]), (nothing, nothing)][
        form
    ]
    part.update(odd)
    alerts, problem = [], ""
    try:
        alerts = read(delivery)
    except BadInput as error:
        problem = str(error)
    assert "\n" not in problem
    assert not has_controls(described(alerts).replace("\n", ""))
    known_alerts([alert.to_json() for alert in alerts])


def test_hostile_alert_is_one_harmless_bounded_text() -> None:
    delivery = alertmanager("a1")
    delivery["alerts"][0]["labels"] |= {"alertname": "\x1b]0;owned\x07\u202egpj.exe\n# Closed", "x\x1b[2J": "y" * 10**5}
    delivery["alerts"][0]["labels"] |= {f"l{number}": "z" * 500 for number in range(200)}
    delivery["alerts"][0]["annotations"] = {"runbook_url": "javascript:alert(1)", "summary": "s" * 10**5}
    delivery["alerts"][0] |= {"startsAt": "9999-12-31T23:59:59Z", "generatorURL": "file:///etc/passwd"}
    delivery["alerts"] *= 3
    alerts = read(delivery)
    text = described(alerts)
    assert len(text) <= TEXT_LIMIT
    assert text.startswith("<U+202E>gpj.exe # Closed (critical)")
    assert text.endswith("\nand 2 more alerts")
    assert (alerts[0].runbook_url, alerts[0].url, alerts[0].started_at) == ("", "", None)
    assert len(known_alerts([alert.to_json() for alert in alerts])) == 1
    for bad in ([{}], "x", [{"sha256": "a" * 65, "state": "firing", "began": ""}], [{}] * (ALERTS_AT_MOST + 1)):
        with pytest.raises(ValueError, match="alert"):
            known_alerts(bad)


@pytest.mark.parametrize(
    "alert",
    [
        {},
        {"source": "alertmanager", "text": "a"},
        {"source": "alertmanager", "text": 1, "alerts": []},
        {"source": "alertmanager", "text": "a", "alerts": {}},
        {"source": "alertmanager", "text": "a", "alerts": [{"sha256": "a", "state": "firing"}]},
        {"source": "alertmanager", "text": "a", "alerts": [{"sha256": "a", "state": "odd", "began": ""}]},
        {"source": "alertmanager", "text": "a", "alerts": [{"sha256": "a", "state": "firing", "began": "soon"}]},
    ],
)
def test_event_with_an_alert_that_reports_cannot_read_is_refused(alert: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        require_types({"alert": alert})
