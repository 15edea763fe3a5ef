"""The time at the beginning of a log line, in the forms that servers, syslog and scripts write."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_TIME = re.compile(
    r"""^\W{0,3}(?:<\d{1,3}>(?:1\s)?)?\W{0,2}(?:
      (?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d+)?(?:Z|\s?UTC|\s?[+-]\d\d:?\d\d(?!\d))?
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
    if found["epoch"]:
        return epoch_time(float(found["epoch"])), text[found.end() :]
    return (_web_time(found["web"]) if found["web"] else (found["iso"] or found["syslog"]).replace("T", " ")), text[
        found.end() :
    ]


def time_within(text: str) -> str:
    """The first time of day with a date anywhere in a line, to the second; empty where there is none."""
    found = _WITHIN.search(text)
    return (_web_time(found[0]) if "/" in found[0] else found[0].replace("T", " ")) if found else ""


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
