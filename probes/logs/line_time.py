"""The time at the beginning of a log line, in the forms that servers, syslog and scripts write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_TIME = re.compile(
    r"""^\W{0,3}(?:<\d{1,3}>(?:1\s)?)?\W{0,2}(?:
      (?P<ctime>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)
        \s+\d{1,2}\s\d\d:\d\d:\d\d\s(?:[A-Z]{3,4}\s)?\d{4})
    | (?P<compact>\d{8}T\d{6}Z)
    | (?P<iso>\d{4}(?P<mark>[-/])\d\d(?P=mark)\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d+)?(?:Z|\s?UTC|\s?[+-]\d\d:?\d\d(?!\d))?
    | (?P<syslog>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{1,2}\s\d\d:\d\d:\d\d)
    | (?P<web>\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d)(?:\s[+-]\d{4})?
    | (?P<epoch>1\d{9})(?:\d{3})?(?:\.\d+)?(?=[\s,|\]:])
    )\]?[\s:,|]*""",
    re.VERBOSE,
)
_WITHIN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d")
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


def split_time(text: str) -> tuple[str, str]:
    """The time of a line to the second, and the rest of the line. The time is empty where the line begins with none.

    A time since 1970 becomes one of UTC; syslog's has no year and stays as it is.
    """
    found = _TIME.match(text)
    if found is None:
        return "", text
    return _to_second(found), text[found.end() :]


def time_within(text: str) -> str:
    """The first time of day with a date anywhere in a line, to the second; empty where there is none."""
    found = _WITHIN.search(text)
    return (_web_time(found[0]) if "/" in found[0] else found[0].replace("T", " ")) if found else ""


def _to_second(found: re.Match[str]) -> str:
    if found["epoch"]:
        return epoch_time(float(found["epoch"]))
    if found["web"]:
        return _web_time(found["web"])
    if found["compact"] or found["ctime"]:
        moment = _moment_of(found)
        return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else found[0].strip()
    return (found["iso"] or found["syslog"]).replace("T", " ").replace("/", "-")


def _moment_of(found: re.Match[str]) -> datetime | None:
    """That of a time as `date` writes it, or without marks."""
    try:
        if found["compact"]:
            return datetime.strptime(found["compact"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        _, month, date, clock, *_, year = found["ctime"].split()
        return datetime.strptime(f"{year} {month} {date} {clock}", "%Y %b %d %H:%M:%S").astimezone()
    except ValueError:
        return None


def _web_time(text: str) -> str:
    """`23/Nov/2026:02:00:00`, as web servers write it, in the order of all others."""
    day, month, rest = text.split("/")
    year, _, clock = rest.partition(":")
    return f"{year}-{_MONTHS.index(month) // 3 + 1:02}-{day} {clock}"


def epoch_time(seconds: float) -> str:
    """Seconds or milliseconds since 1970 as a time of UTC to the second; empty when they are out of range."""
    try:
        return f"{datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return ""


def line_moment(text: str, now: datetime) -> datetime | None:
    """The moment at the beginning of a line; None where the line begins with none.

    A time without a zone is one of this machine's zone. Syslog's has no year: it is of the last twelve months.
    """
    found = _TIME.match(text)
    if found is None:
        return None
    try:
        if found["epoch"]:
            return datetime.fromisoformat(f"{epoch_time(float(found['epoch']))}+00:00")
        if found["syslog"]:
            day = datetime.strptime(f"{now.year} {found['syslog']}", "%Y %b %d %H:%M:%S").astimezone()
            return day.replace(year=now.year - 1) if day > now + timedelta(days=1) else day
        if found["compact"] or found["ctime"]:
            return _moment_of(found)
        if found["web"]:
            return datetime.strptime(found[0].strip(" []:|,"), "%d/%b/%Y:%H:%M:%S %z")
        whole = found[0][found.start("iso") :].rstrip(" ]:|,").replace(",", ".").replace("/", "-")
        return datetime.fromisoformat(re.sub(r"\s?UTC$", "Z", whole).replace(" +", "+").replace(" -", "-")).astimezone()
    except ValueError:
        return None
