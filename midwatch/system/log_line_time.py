"""The moment that a line of a log tells."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z| UTC|[+-]\d\d:?\d\d)?")


def log_line_time(text: str, timezone: str) -> datetime | None:
    """The first time in a line; in `timezone` where the line tells no zone, and None where nobody does."""
    found = _TIME.search(text)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found[0].replace(",", ".").replace(" UTC", "Z"))
        return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone)) if timezone else None
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return None


def local_log_line_time(text: str, timezone: str) -> datetime | None:
    """The same; a time without a zone is one of this machine."""
    if (at := log_line_time(text, timezone)) is not None or (found := _TIME.search(text)) is None:
        return at
    try:
        return datetime.fromisoformat(found[0].replace(",", ".")).astimezone()
    except (OSError, ValueError, OverflowError):
        return None
