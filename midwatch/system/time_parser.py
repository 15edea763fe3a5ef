"""Parser for typed times of past events: `02:10`, `5 min ago`, `yesterday 23:50`. UTC, never in the future."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from midwatch.system.errors import BadInput

HOW = "02:10, 02:10:30, yesterday 23:50, 2026-11-23 02:10 (UTC), or 5 min ago"
"""The accepted forms, for prompts and hints."""
_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d))?"
_AT = re.compile(rf"(?:(?P<day>yesterday|today|\d{{4}}-\d\d-\d\d)[ T])?{_CLOCK}(?: ?(?:UTC|Z))?", re.IGNORECASE)
_AGO = re.compile(r"(\d{1,4}) ?(s|sec|seconds?|m|min|minutes?|h|hours?)(?: ago)?", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_time(text: str, now: datetime) -> datetime | None:
    """The moment that the text names; None for an empty text.

    A bare time of day is the last one: `23:50`, typed after midnight, was yesterday. Raises `BadInput` for what is no
    time and for what has not come yet.
    """
    text = " ".join(text.split())
    if not text:
        return None
    if found := _AGO.fullmatch(text):
        return now - timedelta(seconds=int(found[1]) * _UNITS[found[2][0].lower()])
    at = _at(text, now.astimezone(UTC))
    if at is None:
        raise BadInput(f"{text!r} is no time", hint=f"Write it like {HOW}")
    if at > now:
        raise BadInput(
            f"{text!r} has not come yet: it is {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            hint="Name a time that is past",
        )
    return at


def _at(text: str, now: datetime) -> datetime | None:
    found = _AT.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
    day = (found["day"] or "").lower()
    try:
        date = datetime.fromisoformat(day).date() if day[:1].isdigit() else now.date()
        at = datetime(date.year, date.month, date.day, hour, minute, second, tzinfo=UTC)
        if day == "yesterday" or (not day and at > now):
            at -= timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return at
