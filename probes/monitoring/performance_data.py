"""Performance data as the guidelines of monitoring plug-ins have it: `'label'=value[unit];[warn];[crit];[min];[max]`.

Whatever does not follow the guidelines is passed over and listed, and reading takes linear time.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from midwatch.api.probe import Level

MOST_FIGURES = 50
"""Figures that are read of one output."""
_LONGEST_LABEL = 80
_LONGEST_UNIT = 12
_NUMBER = r"[-+]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?"
_VALUE = re.compile(rf"({_NUMBER})([^0-9;]{{0,{_LONGEST_UNIT}}})")
_ITEM = re.compile(r"((?:'[^']*')+|[^\s'=]+)=(\S*)")
_WORD = re.compile(r"\S+")
_UNITS = {"s": (1.0, "s"), "ms": (1e-3, "s"), "us": (1e-6, "s"), "µs": (1e-6, "s"), "ns": (1e-9, "s"), "b": (1.0, "B")}
_UNITS |= {f"{prefix}b": (1000.0**n, "B") for n, prefix in enumerate("kmgtpe", start=1)}
_UNITS |= {f"{prefix}ib": (1024.0**n, "B") for n, prefix in enumerate("kmgtpe", start=1)}


@dataclass(frozen=True, slots=True)
class Range:
    """A threshold: an alert is raised outside of the range, or inside of it with `inside`."""

    low: float
    high: float
    inside: bool = False

    @classmethod
    def parse(cls, text: str, factor: float = 1.0) -> Range | None:
        """Read `10`, `10:`, `~:10`, `10:20` or `@10:20`, each number times `factor`. None for anything else."""
        inside, body = text.startswith("@"), text.removeprefix("@")
        first, colon, last = body.partition(":")
        if not colon:
            first, last = "0", body
            if not body:
                return None
        low = -math.inf if first == "~" else _number(first or "0")
        high = _number(last) if last else math.inf
        if low is None or high is None or low > high:
            return None
        return cls(low * factor, high * factor, inside)

    def alerts(self, value: float) -> bool:
        """Whether this value raises the alert."""
        return (self.low <= value <= self.high) is self.inside

    @property
    def edge(self) -> float | None:
        """The end of the range that a curve shows as its threshold, rather not 0; None where the range has none."""
        edges = (self.low, self.high) if self.inside else (self.high, self.low)
        return next((edge for edge in sorted(edges, key=lambda edge: edge == 0) if math.isfinite(edge)), None)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, in the base unit: seconds, bytes (`B`), `%`, or the unit as the plug-in has it."""

    label: str
    value: float
    unit: str = ""
    warn: Range | None = None
    crit: Range | None = None
    low: float | None = None
    high: float | None = None

    @property
    def level(self) -> Level:
        """The state that the thresholds give to the value."""
        for threshold, level in ((self.crit, Level.CRITICAL), (self.warn, Level.WARN)):
            if threshold is not None and threshold.alerts(self.value):
                return level
        return Level.OK


def read_figures(text: str) -> tuple[tuple[Figure, ...], int]:
    """The figures of performance data, and the number of items that could not be read. Never raises.

    A value of `U`, which stands for a value that could not be determined, is no figure.
    """
    figures: list[Figure] = []
    unread = position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        item = _ITEM.match(text, position)
        if item is None:
            word = _WORD.match(text, position)
            unread, position = unread + 1, word.end() if word else len(text)
            continue
        position = item.end()
        figure = _figure(item[1], item[2]) if len(figures) < MOST_FIGURES else None
        if figure is not None:
            figures.append(figure)
        elif item[2].split(";")[0] != "U":
            unread += 1
    return tuple(figures), unread


def _figure(label: str, text: str) -> Figure | None:
    value, *limits = text.split(";")
    found = _VALUE.fullmatch(value)
    name = label[1:-1].replace("''", "'") if label.startswith("'") else label
    number = _number(found[1]) if found else None
    if found is None or number is None or not name.strip():
        return None
    factor, unit = _UNITS.get(found[2].lower(), (1.0, found[2]))
    warn, crit, low, high, *_ = (*limits, "", "", "", "")
    return Figure(
        name.strip()[:_LONGEST_LABEL],
        number * factor,
        unit,
        Range.parse(warn, factor),
        Range.parse(crit, factor),
        _scaled(low, factor),
        _scaled(high, factor),
    )


def _scaled(text: str, factor: float) -> float | None:
    number = _number(text)
    return None if number is None else number * factor


def _number(text: str) -> float | None:
    number = float(text) if re.fullmatch(_NUMBER, text) else math.nan
    return number if math.isfinite(number) else None
