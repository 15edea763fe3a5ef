"""Figures of checks and their thresholds, as the guidelines of monitoring plug-ins have them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from midwatch.api.probe import Level
from midwatch.system.units import Percent, Seconds, Size, figure

NUMBER = r"[-+]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?"
"""A regular expression for one number."""
_QUANTITIES: dict[str, type[Percent | Seconds | Size]] = {"%": Percent, "s": Seconds, "B": Size}
"""The types that read a threshold with a unit, such as `26 h`, by the unit of the figure."""


@dataclass(frozen=True, slots=True)
class Range:
    """A threshold: an alert is raised outside of the range, or inside of it with `inside`."""

    low: float
    high: float
    inside: bool = False

    @classmethod
    def parse(cls, text: str, factor: float = 1.0, unit: str = "") -> Range | None:
        """Read a threshold.

        Args:
            text: `10`, `10:`, `~:10`, `10:20` or `@10:20`. With a `unit`, each number may have one: `26 h`.
            factor: Each number is multiplied by this.
            unit: The unit of the figure: `%`, `s` or `B`.

        Returns:
            The threshold; None for any other text.
        """
        inside, body = text.strip().startswith("@"), text.strip().removeprefix("@")
        first, colon, last = body.partition(":")
        if not colon:
            first, last = "0", body
            if not body:
                return None
        low = -math.inf if first.strip() == "~" else _quantity(first or "0", unit)
        high = _quantity(last, unit) if last else math.inf
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

    def describe(self, unit: str) -> str:
        """Name the values that raise the alert: `above 26 h`."""
        low, high = (figure(end, unit) if math.isfinite(end) else "" for end in (self.low, self.high))
        if self.inside:
            return f"from {low} to {high}" if low and high else f"from {low} on" if low else f"up to {high}"
        if low and high and self.low != 0:
            return f"outside {low} to {high}"
        return f"above {high}" if high else f"below {low}"

    def __str__(self) -> str:
        """The notation of the guidelines."""
        low = "~" if math.isinf(self.low) else f"{self.low:.15g}"
        high = "" if math.isinf(self.high) else f"{self.high:.15g}"
        return f"{'@' if self.inside else ''}{high if low == '0' and high else f'{low}:{high}'}"


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
        return next((level for threshold, level in self._thresholds if threshold.alerts(self.value)), Level.OK)

    @property
    def _thresholds(self) -> list[tuple[Range, Level]]:
        pairs = ((self.crit, Level.CRITICAL), (self.warn, Level.WARN))
        return [(threshold, level) for threshold, level in pairs if threshold is not None]

    def __str__(self) -> str:
        """The figure with the threshold that it has passed, for people: `ARP age 30 h, above 26 h`."""
        passed = next((found.describe(self.unit) for found, level in self._thresholds if level is self.level), "")
        return f"{self.label} {figure(self.value, self.unit)}{f', {passed}' if passed else ''}"

    @property
    def performance_data(self) -> str:
        """The figure in the notation of the guidelines: `'used'=81%;80;90;0;100`."""
        ends = ["" if end is None else f"{end:.15g}" for end in (self.low, self.high)]
        limits = [str(found) if found is not None else "" for found in (self.warn, self.crit)]
        label = self.label.replace("=", "-").replace("'", "''")
        unit = self.unit if self.unit in ("s", "%", "B", "c") else ""
        return f"'{label}'={self.value:.15g}{unit};{';'.join((*limits, *ends))}".rstrip(";")


def _quantity(text: str, unit: str) -> float | None:
    number = read_number(text.strip())
    if number is not None or unit not in _QUANTITIES:
        return number
    try:
        return float(_QUANTITIES[unit].parse(text))
    except ValueError:
        return None


def read_number(text: str) -> float | None:
    """The number in the text; None for anything else, and for a number that is too large."""
    number = float(text) if re.fullmatch(NUMBER, text) else math.nan
    return number if math.isfinite(number) else None
