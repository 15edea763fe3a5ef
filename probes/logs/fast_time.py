"""The moment of a log line for passes over millions of lines: each hour is worked out once."""

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
    rb"(\d{4}-\d\d-\d\d[T ]\d\d:)(\d\d:\d\d)(?:[.,]\d+)?( ?(?:%s)\b| ?[+-]\d\d(?::?\d\d)?(?!\d))?" % b"|".join(_ZONES)
)
_SYSLOG = re.compile(rb"(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:)(\d\d:\d\d)")
_EPOCH = re.compile(rb"(?:^\W{0,2}|audit\(|\"(?:@?time(?:stamp)?|ts|date)\": ?\"?)(1\d{9})(?:\d{3})?(?!\d)")
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_SEARCHED = 300
"""Bytes of a line in which its time stands, if anywhere."""
_KEPT = 50_000
_WITHIN_HOUR = {b"%02d:%02d" % divmod(second, 60): second for second in range(3600)}
"""Seconds since the hour began, by minutes and seconds."""
_ZONE_BYTES = 6
"""Bytes behind the seconds, or their fraction, that may be a zone: ` +0200`."""


class Moments:
    """Reads the times of a log's lines. A time without a zone is one of this machine; syslog's is of the last year.

    A line whose hour, zone and all that stands before them were in an earlier line needs no expression.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._hours: dict[tuple[bytes, bytes], tuple[float, int, int]] = {}
        """When the hour began, where its time begins, and how far the time goes behind the seconds."""
        self._begins: dict[tuple[bytes, bytes | None], float] = {}
        self._minutes_at, self._zone_at = 14, 19
        """Where the line before had its minutes, and what stands behind its seconds or their fraction."""

    def of(self, line: bytes) -> tuple[float, int, int]:
        """Seconds since 1970, and where in the line its time begins and ends; 0 where it has none."""
        minutes_at, zone_at = self._minutes_at, self._zone_at
        hour = self._hours.get((line[:minutes_at], line[zone_at : zone_at + _ZONE_BYTES]))
        if hour is not None:
            within = _WITHIN_HOUR.get(line[minutes_at : minutes_at + 5])
            if within is not None and (zone_at == minutes_at + 5 or line[minutes_at + 6 : zone_at].isdigit()):
                return hour[0] + within, hour[1], zone_at + hour[2]
        found = _SYSLOG.match(line) or _ISO.search(line, 0, _SEARCHED)
        if found is not None:
            return self._of_hour(line, found)
        found = _EPOCH.search(line, 0, _SEARCHED)
        return (float(found[1]), *found.span()) if found else (0.0, 0, 0)

    def _of_hour(self, line: bytes, found: re.Match[bytes]) -> tuple[float, int, int]:
        zone = found[3] if found.re is _ISO else None
        end = found.end() - len(zone or b"")
        begins = self._begins.get((found[1], zone))
        if begins is None:
            if len(self._begins) >= _KEPT:
                self._begins.clear()
            begins = self._begins[found[1], zone] = self._work_out(
                f"{found[1].decode('ascii', 'replace')}00:00", (zone or b"").strip()
            )
        within = _WITHIN_HOUR.get(found[2])
        if within is None:  # there is no such time, or a leap second
            return begins and begins + 60.0 * int(found[2][:2]) + int(found[2][3:]), *found.span()
        if len(self._hours) >= _KEPT:
            self._hours.clear()
        self._minutes_at, self._zone_at = found.start(2), end
        self._hours[line[: found.start(2)], line[end : end + _ZONE_BYTES]] = begins, found.start(), found.end() - end
        return begins + within, *found.span()

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
