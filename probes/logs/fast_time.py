"""The moment of a log line for passes over millions of lines: each minute is worked out once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_ZONES = {
    **dict.fromkeys((b"Z", b"UTC", b"GMT", b"WET"), "+00:00"),
    **dict.fromkeys((b"CET", b"WEST", b"BST"), "+01:00"),
    **dict.fromkeys((b"CEST", b"EET", b"SAST"), "+02:00"),
    **dict.fromkeys((b"EEST", b"MSK"), "+03:00"),
    b"IST": "+05:30",
    b"SGT": "+08:00",
    b"JST": "+09:00",
    b"KST": "+09:00",
    b"AEST": "+10:00",
    b"AEDT": "+11:00",
    b"ADT": "-03:00",
    b"AST": "-04:00",
    b"EDT": "-04:00",
    b"EST": "-05:00",
    b"CDT": "-05:00",
    b"CST": "-06:00",
    b"MDT": "-06:00",
    b"MST": "-07:00",
    b"PDT": "-07:00",
    b"PST": "-08:00",
}
"""Abbreviations that PostgreSQL writes for `log_timezone`. Where one has several meanings: that of most people."""
_ISO = re.compile(
    rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:)(\d\d)(?:[.,]\d+)?( ?(?:%s)\b| ?[+-]\d\d(?::?\d\d)?(?!\d))?" % b"|".join(_ZONES)
)
_SYSLOG = re.compile(rb"(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:)(\d\d)")
_EPOCH = re.compile(rb"(?:^\W{0,2}|audit\(|\"(?:@?time(?:stamp)?|ts|date)\": ?\"?)(1\d{9})(?:\d{3})?(?!\d)")
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_SEARCHED = 300
"""Bytes of a line in which its time stands, if anywhere."""
_KEPT = 50_000


class Moments:
    """Reads the times of a log's lines. A time without a zone is one of this machine; syslog's is of the last year."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._minutes: dict[tuple[bytes, bytes | None], float] = {}
        self._plain: dict[tuple[bytes, bytes], tuple[float, int]] = {}

    def of(self, line: bytes) -> tuple[float, int, int]:
        """Seconds since 1970, and where in the line its time begins and ends; 0 where it has none."""
        is_syslog = line[:1].isalpha()
        minute = (line[:13], b"") if is_syslog else (line[:17], line[19:24])
        seconds = line[13:15] if is_syslog else line[17:19]
        known = self._plain.get(minute)
        if known is not None and seconds.isdigit():
            return known[0] + int(seconds), 0, known[1]
        if is_syslog and (found := _SYSLOG.match(line)) is not None:
            self._plain[minute] = self._minute(found[1], None), found.end()
            return self._plain[minute][0] + int(found[2]), *found.span()
        found = _ISO.search(line, 0, _SEARCHED)
        if found is not None:
            start = self._minute(found[1], found[3])
            if found.start() == 0 and line[19:20] in (b" ", b"Z"):  # a fraction would be another each time
                self._plain[minute] = start, found.end()
            return start + int(found[2]), *found.span()
        found = _SYSLOG.match(line)
        if found is not None:
            return self._minute(found[1], None) + int(found[2]), *found.span()
        found = _EPOCH.search(line, 0, _SEARCHED)
        return (float(found[1]), *found.span()) if found else (0.0, 0, 0)

    def _minute(self, text: bytes, zone: bytes | None) -> float:
        known = self._minutes.get((text, zone))
        if known is None:
            if len(self._minutes) >= _KEPT:
                self._minutes.clear()
                self._plain.clear()
            known = self._minutes[text, zone] = self._work_out(
                f"{text.decode('ascii', 'replace')}00", (zone or b"").strip()
            )
        return known

    def _work_out(self, text: str, zone: bytes) -> float:
        try:
            if not text[0].isdigit():
                month = _MONTHS.index(text[:3]) // 3 + 1
                clock = (int(text[4:6]), int(text[7:9]), int(text[10:12]))
                moment = datetime(self._now.year, month, *clock).astimezone()
                late = moment > self._now + timedelta(days=1)
                return (moment.replace(year=self._now.year - 1) if late else moment).timestamp()
            return datetime.fromisoformat(text + _ZONES.get(zone, zone.decode())).timestamp()
        except (ValueError, OverflowError):
            return 0.0
