"""Windows of time: `22:00-06:00`, `Sat,Sun 00:00-24:00 Europe/Berlin`, `2026-12-01 22:00 - 2026-12-02 02:00`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EXAMPLES = "'22:00-06:00', 'Sat,Sun 00:00-24:00 Europe/Berlin' or '2026-12-01 22:00 - 2026-12-02 02:00 UTC'"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = r"(\d\d):(\d\d)"
_ZONE = r"(?:\s+(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*))?"
_EACH = re.compile(rf"(?:(?P<days>[A-Za-z]{{3}}(?:[,-][A-Za-z]{{3}})*)\s+)?{_CLOCK}\s*-\s*{_CLOCK}{_ZONE}")
_ONCE = re.compile(rf"(\d{{4}}-\d\d-\d\d \d\d:\d\d)\s+-\s+(\d{{4}}-\d\d-\d\d \d\d:\d\d){_ZONE}")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, once or on days of each week."""

    text: str
    """As it was written."""
    zone: ZoneInfo
    days: frozenset[int] = frozenset(range(7))
    """On which it begins, Monday being 0."""
    begin: timedelta = timedelta()
    end: timedelta = timedelta()
    """From midnight of the day on which it begins."""
    once: tuple[datetime, datetime] | None = None
    """Of a window that comes once, without its zone."""

    @classmethod
    def parse(cls, text: str) -> Window:
        """Raises `ValueError` for what is no window."""
        text = text.strip()
        try:
            if found := _ONCE.fullmatch(text):
                begin, end = (datetime.fromisoformat(found[number]) for number in (1, 2))
                if begin < end:
                    return cls(text, ZoneInfo(found["zone"] or "UTC"), once=(begin, end))
            elif found := _EACH.fullmatch(text):
                first, last = _time(found[2], found[3]), _time(found[4], found[5])
                last += timedelta(days=1) if last <= first else timedelta()
                return cls(text, ZoneInfo(found["zone"] or "UTC"), _days(found["days"] or ""), first, last)
        except (OSError, ValueError, ZoneInfoNotFoundError):
            pass
        raise ValueError(f"{text!r} is no window of time")

    def contains(self, moment: datetime) -> bool:
        """Whether a moment, which has its zone, lies in the window."""
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        if self.once is not None:
            return self.once[0] <= local < self.once[1]
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return any(
            day.weekday() in self.days and day + self.begin <= local < day + self.end
            for day in (midnight, midnight - timedelta(days=1))
        )

    def __str__(self) -> str:
        return self.text


def is_within(windows: tuple[Window, ...], moment: datetime) -> bool:
    """Whether one of these windows contains the moment."""
    return any(window.contains(moment.astimezone(UTC)) for window in windows)


def _time(hour: str, minute: str) -> timedelta:
    time = timedelta(hours=int(hour), minutes=int(minute))
    if int(minute) > 59 or time > timedelta(days=1):
        raise ValueError("no time of day")
    return time


def _days(text: str) -> frozenset[int]:
    if not text:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found |= {number % 7 for number in range(begin, (end if end >= begin else end + 7) + 1)}
    return frozenset(found)
