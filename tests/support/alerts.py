"""Deliveries of alerts, as Alertmanager 0.27 and PagerDuty send them."""

from __future__ import annotations

from typing import Any


def alertmanager(*alerts: str | tuple[str, str], severity: str = "critical", started: str = "02:10") -> dict[str, Any]:
    """A delivery of the webhook receiver; each alert by its fingerprint, or with its status."""
    pairs = [(alert, "firing") if isinstance(alert, str) else alert for alert in alerts]
    return {
        "receiver": "midwatch",
        "status": "firing",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": "BackupDiskFull", "instance": "bk1:9100", "severity": severity},
                "annotations": {
                    "summary": "The backup volume is 96 % full",
                    "runbook_url": "https://runbooks.example.org/backup",
                },
                "startsAt": f"2026-11-23T{started}:00Z",
                "endsAt": "2026-11-23T02:40:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
                "generatorURL": "https://prometheus.example.org/graph?g0",
                "fingerprint": fingerprint,
            }
            for fingerprint, status in pairs
        ],
        "groupLabels": {"alertname": "BackupDiskFull"},
        "commonLabels": {"alertname": "BackupDiskFull", "severity": severity},
        "commonAnnotations": {},
        "externalURL": "https://alerts.example.org",
        "version": "4",
        "groupKey": '{}:{alertname="BackupDiskFull"}',
        "truncatedAlerts": 0,
    }


def events_v2(action: str) -> dict[str, Any]:
    """An event as it is sent to PagerDuty's Events API v2."""
    return {
        "routing_key": "R0UT1NGKEY0123456789abcdef012345",
        "event_action": action,
        "dedup_key": "backup/bk1",
        "payload": {
            "summary": "The backup volume is 96 % full",
            "source": "bk1",
            "severity": "critical",
            "timestamp": "2026-11-23T02:10:00Z",
            "custom_details": {"runbook_url": "https://runbooks.example.org/backup", "used": 96},
        },
        "links": [{"href": "https://prometheus.example.org/graph?g0", "text": "Graph"}],
    }


def webhook_v3(kind: str) -> dict[str, Any]:
    """An event of PagerDuty's webhook v3."""
    return {
        "event": {
            "id": "01DEWBZ1CSM6VCTJMF7HMHB9F1",
            "event_type": kind,
            "resource_type": "incident",
            "occurred_at": "2026-11-23T02:20:00.000Z",
            "agent": {"id": "PLH1HKV", "type": "user_reference", "summary": "Ada"},
            "client": None,
            "data": {
                "id": "PGR0VU2",
                "type": "incident",
                "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
                "number": 2,
                "status": "triggered",
                "incident_key": "backup/bk1",
                "created_at": "2026-11-23T02:10:00Z",
                "title": "The backup volume is 96 % full",
                "service": {"id": "PF9KMXH", "type": "service_reference", "summary": "Backups"},
                "urgency": "high",
                "priority": {"id": "PSO75BM", "type": "priority_reference", "summary": "P1"},
            },
        }
    }
