"""Panels with readings that never change."""

from __future__ import annotations

from midwatch.clock import Clock
from midwatch.probe import Level, Reading, Row
from screens.live import Source

ROWS = {
    "disk": (
        Row("/backups", "96 % full, 14.8 MB free, full in 3 h", Level.CRITICAL, 96.0, "%"),
        Row("/", "41 % full, 120 GB free", Level.OK, 41.0, "%"),
    ),
    "docker": (
        Row("docker", "14.2 GB unused of 61.0 GB", Level.OK, 14.2e9, "B"),
        Row("otc-db-prod", "running: Up 3 days", Level.OK),
    ),
    "backups": (
        Row("OTC", "26 h old, late (RPO 24 h), 312 MB", Level.WARN),
        Row("GPS", "26 h old, late (RPO 24 h), 118 MB", Level.WARN),
        Row("ARP", "no good backup", Level.CRITICAL),
    ),
    "databases": (
        Row("OTC", "15.18, 9 connections", Level.OK),
        Row("GPS", "15.18, 4 connections", Level.OK),
        Row("ARP", "refused: password authentication failed", Level.CRITICAL),
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
