"""Formats times and durations in exports: UTC to the second, durations by the boot clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from midwatch.incident.events import Event, EventKind, seconds_between
from midwatch.system.clock import from_rfc3339


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


def elapsed(events: Sequence[Event], first: Event, last: Event) -> float:
    """Seconds from one event to a later one, as `seconds_between` counts them."""
    stretch = events[first.seq - 1 : last.seq]  # a journal's events are numbered from 1 without gaps
    return sum(seconds_between(before, after) for before, after in pairwise(stretch))
