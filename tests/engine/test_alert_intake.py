"""Alerts declare once: the same alert joins while the incident is open, and is remembered once it has ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from midwatch.engine.alert_intake import AlertIntake
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import events_of, incidents
from midwatch.incident.alert_formats import read_alerts
from midwatch.incident.events import Event
from midwatch.reports.event_text import describe, lines_below
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.system.errors import BadInput
from tests.support.alerts import alertmanager, events_v2, webhook_v3

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
inputs: [{name: host, prompt: Which host?, pattern: "[a-z0-9:]+", example: bk1, required: false}]
alerts: {severities: {critical: SEV-0, Odd: SEV-3}, inputs: {host: instance}}
phases: [{title: All, steps: [{id: look, title: Look}]}]
"""


def take(runbook: Runbook, delivery: Any, **options: Any) -> list[str]:
    alerts = read_alerts(json.dumps(delivery).encode(), datetime.now(UTC))
    return AlertIntake(runbook, actor="alerts@test").take(alerts, **options)


def journals(runbook: Runbook) -> list[list[Event]]:
    return [events_of(folder) for folder in incidents(runbook.location_of("logs"))]


def notes(events: Iterable[Event]) -> list[str]:
    return [event.body["text"].splitlines()[0] for event in events if event.body.get("source")]


def test_alert_declares_once_and_what_follows_of_it_joins(runbook: Runbook) -> None:
    (said,) = take(runbook, alertmanager("a1", "b2"))
    assert "is declared, SEV-0: BackupDiskFull." in said
    for _ in range(2):
        assert all("has the alert BackupDiskFull already." in line for line in take(runbook, alertmanager("a1", "b2")))
    take(runbook, alertmanager("b2", "c3"))  # the group has grown
    take(runbook, alertmanager(("a1", "resolved")))
    take(runbook, alertmanager(("a1", "resolved"), "c3"))
    take(runbook, alertmanager("a1", started="02:50"))
    (events,) = journals(runbook)
    declared = events[0].body
    assert [alert["key"] for alert in declared["alert"]["alerts"]] == ["a1", "b2"]
    assert (declared["severity"], declared["inputs"]) == ("SEV-0", {"host": "bk1:9100"})
    assert notes(events) == [
        "Alert BackupDiskFull (critical), since 2026-11-23 02:10:00 UTC",
        "Alert BackupDiskFull is resolved",
        "Alert BackupDiskFull fires again",
    ]
    assert [e.body["at"] for e in events if e.body.get("source")][1] == "2026-11-23T02:40:00.000000Z"
    assert describe(events[0], runbook).endswith(", by an alert of alertmanager")
    assert "runbook: https://runbooks.example.org/backup" in lines_below(events[0], runbook)
    folder = incidents(runbook.location_of("logs"))[0]
    told = timeline(runbook, events, folder)
    assert "| Alert of alertmanager | BackupDiskFull" in told
    assert "alert of alertmanager: BackupDiskFull" in told  # which says when it began


def test_alert_of_an_ended_incident_declares_anew_only_when_it_started_anew(runbook: Runbook) -> None:
    take(runbook, alertmanager("a1"))
    folder = incidents(runbook.location_of("logs"))[0]
    controller = IncidentController.resume(folder, actor="ada@test", own=runbook)
    assert take(runbook, alertmanager(("a1", "resolved"))) == [f"{folder.id}: Alert BackupDiskFull is resolved."]
    assert notes(controller.session.events) == ["Alert BackupDiskFull is resolved"]  # by the driver
    controller.abandon("a test")
    assert "has ended; nothing was declared" in take(runbook, alertmanager("a1"))[0]
    assert "No open incident has" in take(runbook, alertmanager(("a1", "resolved")))[0]
    assert "is declared" in take(runbook, alertmanager("a1", started="02:55"))[0]
    assert "is declared" in take(runbook, alertmanager("another"))[0]
    assert "Alert BackupDiskFull" in take(runbook, alertmanager("third"), join=True)[0]
    assert len(journals(runbook)) == 3


def test_both_forms_of_pagerduty_are_one_alert_and_the_severity_comes_from_the_rules(runbook: Runbook) -> None:
    assert "SEV-2" in take(runbook, events_v2("trigger"), severity=Severity.SEV2)[0]
    noted = webhook_v3("incident.annotated")  # names the incident by its id alone
    noted["event"]["data"] = {"type": "incident_note", "incident": {"id": "PGR0VU2", "summary": "The volume"}}
    for kind in ("incident.triggered", "incident.acknowledged"):
        take(runbook, webhook_v3(kind))
    take(runbook, noted)
    take(runbook, events_v2("resolve"))
    (events,) = journals(runbook)
    assert notes(events) == [
        "Alert The backup volume is 96 % full: acknowledged by Ada",
        "Alert The volume: annotated by Ada",
        "Alert The backup volume is 96 % full is resolved",
    ]
    assert "R0UT1NGKEY" not in json.dumps([dict(event.body) for event in events])
    words = {word: runbook.alerts.severity_of(word) for word in ("Critical", "odd", "warning", "p1", "sev1", "", "?")}
    assert words == {
        "Critical": "SEV-0",
        "odd": "SEV-3",
        "warning": "SEV-3",
        "p1": "SEV-1",
        "sev1": "SEV-1",
        "": "",
        "?": "",
    }


def test_deliveries_at_once_declare_one_incident(runbook: Runbook) -> None:
    threads = [threading.Thread(target=take, args=(runbook, alertmanager("a1"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journals(runbook)) == 1


def test_secret_and_misfitting_labels_harm_nothing(runbook: Runbook, here: Path) -> None:
    delivery = alertmanager("a1", severity="unheard of")
    delivery["alerts"][0]["labels"] |= {"instance": "$(reboot)", "password": "hunter2secret"}
    assert "SEV-2" in take(runbook, delivery)[0]
    (events,) = journals(runbook)
    assert events[0].body["inputs"] == {}
    assert "hunter2secret" not in json.dumps(dict(events[0].body))
    (here / "runbook.yaml").write_text(RUNBOOK.replace("false", "true"), encoding="utf-8")
    with pytest.raises(BadInput, match="host"):
        take(
            load(here / "runbook.yaml"),
            alertmanager("a2") | {"alerts": [{**delivery["alerts"][0], "fingerprint": "z"}]},
        )
    (here / "runbook.yaml").write_text(RUNBOOK.replace("{host: instance}", "{hots: instance}"), encoding="utf-8")
    with pytest.raises(RunbookErrors, match="There is no input 'hots'"):
        load(here / "runbook.yaml")
