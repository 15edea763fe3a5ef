"""Quantities with units: `30 min`, `80 %`, `124 MB`. One parser and one format for all front ends.

Sizes are decimal (1 MB = 1,000,000 bytes, as in SI and `df -H`). Binary units such as `MiB` are accepted as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

from midwatch.system.shortened import shortened

_NUMBER = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ%]*)\s*$")

_MOST_DIGITS = 30
"""Characters of a number. A longer one is a mistake, and a much longer one is no finite float."""

_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
}
_BYTES = {"": 1, "b": 1, "byte": 1, "bytes": 1}
_BYTES |= {f"{p}b": 1000**n for n, p in enumerate("kmgtp", start=1)}
_BYTES |= {f"{p}ib": 1024**n for n, p in enumerate("kmgtp", start=1)}


def _split(text: str, what: str, example: str) -> tuple[float, str]:
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"{shortened(text)!r} is not {what}; write it like {example}")
    if len(match[1]) > _MOST_DIGITS:
        raise ValueError(f"This is not {what}: its number has {len(match[1])} characters")
    return float(match[1]), match[2].lower()


class Seconds(float):
    """A length of time in seconds."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `30 min`, `90 s`, `26 h`, `2 days`. A bare number has no unit and is refused."""
        number, unit = _split(text, "a length of time", "'30 min'")
        if unit not in _SECONDS:
            raise ValueError(f"{shortened(text)!r} has no known unit of time; write it like '30 min'")
        return cls(number * _SECONDS[unit])

    def __str__(self) -> str:
        return duration(float(self))


class Size(int):
    """A number of bytes."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `124 MB`, `2 GiB`, `5000` (bytes)."""
        number, unit = _split(text, "a size", "'124 MB'")
        if unit not in _BYTES:
            raise ValueError(f"{shortened(text)!r} has no known unit of size; write it like '124 MB'")
        return cls(round(number * _BYTES[unit]))

    def __str__(self) -> str:
        return size(int(self))


class Percent(float):
    """A share of a whole, from 0 to 100."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `80 %` or `80%`. A bare number is refused, so that 0.8 is never taken for 80."""
        number, unit = _split(text, "a percentage", "'80 %'")
        if unit != "%" or number > 100:
            why = "is more than the whole" if unit == "%" else "is not a percentage"
            raise ValueError(f"{shortened(text)!r} {why}; write it like '80 %'")
        return cls(number)

    def __str__(self) -> str:
        return percent(float(self))


def size(count: float) -> str:
    """Show bytes with three significant digits: `124 MB`, `1.25 GB`, `0 B`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            break
        value /= 1000
    if unit == "B" or abs(value) >= 99.95:
        return f"{value:.0f} {unit}"
    return f"{value:.1f} {unit}"


def counted(count: int, what: str) -> str:
    """`1 table`, `2 tables`: for words whose plural only takes an s."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def first_few(items: Iterable[str], limit: int = 3, between: str = ", ") -> str:
    """`a, b, c and 497 more`: a list in a sentence has this length at most."""
    listed = list(items)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return between.join(listed[:limit]) + more


def percent(value: float) -> str:
    """Show a share: `96 %`. Rounded towards the alarming side only at 100: 99.6 shows as 99 %."""
    return f"{min(round(value), 99) if value < 100 else round(value)} %"


def figure(value: float, unit: str) -> str:
    """Show a figure of a reading in its unit: `96 %`, `1.2 GB`, `120 ms`, `7 req/s`."""
    if unit == "s" and 0 < abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    show = {"%": percent, "B": size, "s": duration}.get(unit)
    return show(value) if show else f"{value:.6g} {unit}".rstrip()


def duration(seconds: float) -> str:
    """Show a length of time by its two largest units: `4 s`, `1 min 20 s`, `3 h 5 min`, `2 d 3 h`."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds % 1 >= 0.05 else f"{seconds:.0f} s"
    total = round(seconds)
    for big, big_unit, small, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if total >= big:
            rest = total % big // small
            return f"{total // big} {big_unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{total} s"
