"""Formats times and durations in exports: UTC to the second, durations by the boot clock."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from midwatch.incident.events import Event, EventKind
from midwatch.system.clock import from_rfc3339

LOCAL_TIMES = "Local times"
"""The row of the overview that names the zone of the local times."""


def day_and_time(moment: datetime) -> str:
    """`2026-11-23 02:14:07 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def time_of_day(moment: datetime) -> str:
    """`02:14:07`; UTC."""
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def span(start: datetime, end: datetime) -> str:
    """`2026-11-23 02:14:07 to 02:15:27 UTC`; the second date only if it is another."""
    same_day = start.astimezone(UTC).date() == end.astimezone(UTC).date()
    first = f"{start.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return f"{first} to {time_of_day(end)} UTC" if same_day else f"{first} to {day_and_time(end)}"


def happened(event: Event) -> datetime:
    """When that which an event tells happened: a note may be back-dated, and a step may have ended while nobody
    looked."""
    told = event.body.get("at") if event.kind == EventKind.NOTE else None
    if event.kind == EventKind.FINISHED:
        told = event.body.get("ended")
    return from_rfc3339(told) if told else event.time


def zone_name(zone: tzinfo | None) -> str:
    """`Europe/Berlin`; empty where the system does not say it."""
    return str(getattr(zone, "key", None) or "")


def local_time(moment: datetime, zone: tzinfo | None) -> str:
    """`03:14:07 CET`, with its date where that is another; empty where the readers' clock shows UTC."""
    if zone is None:
        return ""
    here, utc = moment.astimezone(zone), moment.astimezone(UTC)
    if not here.utcoffset():
        return ""
    return f"{here:%H:%M:%S %Z}" if here.date() == utc.date() else f"{here:%Y-%m-%d %H:%M:%S %Z}"
