"""How old, how long, how soon: short words that change rarely, since every change costs bytes on the line."""

from __future__ import annotations

from datetime import datetime

from midwatch.system.units import duration


def span(seconds: float) -> str:
    """A running time as a clock shows it: `0:38`, `12:05`, `1:02:45`."""
    total = max(int(seconds), 0)
    hours, minutes, rest = total // 3600, total % 3600 // 60, total % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def elapsed(seconds: float) -> str:
    """How long the incident lasts, in hours and minutes: `0:14`."""
    minutes = max(int(seconds), 0) // 60
    return f"{minutes // 60}:{minutes % 60:02}"


def age(at: datetime, now: datetime) -> str:
    """How old something is: `now` below ten seconds, tens of seconds, minutes; the clock from an hour on."""
    seconds = (now - at).total_seconds()
    if seconds < 10:
        return "now"
    if seconds < 60:
        return f"{int(seconds // 10) * 10} s ago"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    return f"{at:%H:%M} UTC" if seconds < 86400 else f"{at:%Y-%m-%d %H:%M} UTC"


def exact_age(at: datetime, now: datetime) -> str:
    """How old a plan is, to ten seconds after the first ten: it is what somebody is about to consent to."""
    seconds = max(int((now - at).total_seconds()), 0)
    return (
        f"{seconds if seconds < 10 else seconds // 10 * 10} s ago"
        if seconds < 60
        else f"{duration(seconds // 60 * 60)} ago"
    )
