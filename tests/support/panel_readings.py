"""Panels with readings that never change."""

from __future__ import annotations

from midwatch.api.probe import Level, Reading, Row
from midwatch.system.clock import Clock
from screens.incident.panel_poller import Source

ROWS = {
    "disk": (
        Row(
            "/backups",
            "96 % full, 14.8 MB free, full in 3 h",
            Level.CRITICAL,
            96.0,
            "%",
            detail="355 MB of 370 MB used; inodes 3 %",
            brief="96 % 14.8 MB free",
            facts=(
                ("used", "355 MB of 370 MB"),
                ("free", "14.8 MB"),
                ("inodes", "3 % used"),
                ("growth", "full in 3 h, 1.4 kB/s"),
                ("limits", "warning from 80 %, critical from 95 %"),
                ("activity", "12.0 MB/s read, 35.1 MB/s written, busy 87 %"),
                ("biggest", "355 MB in all"),
                ("", "312 MB  old/"),
                ("", "43 MB  20261121-020000/otc.sql.gz"),
            ),
            limits=(80.0, 95.0),
        ),
        Row(
            "/",
            "41 % full, 120 GB free, not growing",
            Level.OK,
            41.0,
            "%",
            brief="41 % 120 GB free",
            limits=(80.0, 95.0),
        ),
        Row(
            "host",
            "load 0.52, memory 20.6 GB free",
            Level.OK,
            brief="load 0.52",
            facts=(
                ("load", "0.52 0.61 0.70 on 2 processors"),
                ("memory", "20.6 GB of 25.3 GB available"),
                ("swap", "none"),
            ),
        ),
    ),
    "docker": (
        Row("docker", "14.2 GB unused of 61.0 GB", Level.OK, 14.2e9, "B", brief="14.2 GB unused"),
        Row("otc-db-prod", "running: Up 3 days", Level.OK),
    ),
    "backups": (
        Row(
            "OTC",
            "26 h old, late (RPO 24 h), 312 MB",
            Level.WARN,
            brief="26 h old, late",
            series=(300e6, 304e6, 305e6, 309e6, 312e6),
            facts=(("last good", "2026-11-22 00:02 UTC, 26 h ago"), ("validated", "depth 4, row counts match")),
        ),
        Row("GPS", "26 h old, late (RPO 24 h), 118 MB", Level.WARN, brief="26 h old, late"),
        Row("ARP", "no good backup", Level.CRITICAL, brief="none"),
    ),
    "databases": (
        Row("OTC", "15.18, 9 connections", Level.OK),
        Row("GPS", "15.18, 4 connections", Level.OK),
        Row("ARP", "refused: password authentication failed", Level.CRITICAL, brief="refused"),
    ),
    "alerts": (
        Row("02:00:05", "[FAILURE] PROD nightly backup stopped", Level.CRITICAL),
        Row("02:00:04", "[ERROR] Disk usage at 96% – unsafe for backup", Level.CRITICAL),
        Row("02:00:04", "[ERROR] Unable to connect to arp-db-prod: authentication failed", Level.CRITICAL),
    ),
}
TITLES = {"disk": "Disk", "docker": "Docker", "backups": "Backups", "databases": "Databases", "alerts": "Alerts"}


def sources(clock: Clock) -> list[Source]:
    """The five panels of the reference incident."""

    def source(name: str) -> Source:
        return Source(name, TITLES[name], 3600.0, lambda: Reading(name, clock.now(), ROWS[name]))

    return [source(name) for name in ROWS]
