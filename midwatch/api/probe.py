"""Probes: the base class of the plug-in API for read-only measurements, and the readings that they return.

A package installs a probe by an entry point of the group `midwatch.probes`. The module of a probe must import quickly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from midwatch.runbook.model import Runbook
from midwatch.system.clock import Clock, from_rfc3339, to_rfc3339


class Level(StrEnum):
    """The state of a row. Displays show `unknown` as a state of its own, never as `ok`."""

    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """The order of severity, from 0 (ok) to 3 (critical); unknown ranks between warn and critical."""
        return (Level.OK, Level.WARN, Level.UNKNOWN, Level.CRITICAL).index(self)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a reading: a mount, a database, a log line."""

    label: str
    text: str
    """A short text to show: `96 % full, 14.8 MB free`. The display removes control sequences from it."""
    level: Level
    number: float | None = None
    """The figure for the history and for metrics before and after, in `unit`; None when there is none."""
    unit: str = ""
    """`%`, `B` (bytes), `s` (seconds) or empty."""
    detail: str = ""
    """Further text for the full page of the panel."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Further figures for programs; JSON types."""
    brief: str = ""
    """The text in a few characters, for a narrow terminal: `96 %`; empty when `text` is already short."""
    facts: tuple[tuple[str, str], ...] = ()
    """Pairs of label and text for the full page of the panel. The display removes control sequences from them."""
    limits: tuple[float, ...] = ()
    """The thresholds of `number`, in `unit`: first for a warning, then for critical."""
    series: tuple[float, ...] = ()
    """Past values of the figure, oldest first. When empty, the screen uses the readings that it has seen."""
    curve: tuple[float, str] | None = None
    """Another figure with its unit for the history; None when the history shows `number`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one probe at one time."""

    probe: str
    """The name of the probe; where a panel has a name of its own, Midwatch replaces it by that name."""
    at: datetime
    """The time of the measurement, in UTC."""
    rows: tuple[Row, ...] = ()
    error: str = ""
    """Why the measurement failed, as one sentence; then `rows` is not current. Empty when the measurement succeeded."""

    @property
    def level(self) -> Level:
        """The worst level of the rows; `unknown` when the reading failed or has no rows."""
        if self.error or not self.rows:
            return Level.UNKNOWN
        return max((row.level for row in self.rows), key=lambda level: level.rank)

    def to_json(self) -> dict[str, Any]:
        """Return the reading as JSON types for the journal, without details and facts."""
        rows = [
            {"label": r.label, "text": r.text, "level": r.level.value, "number": r.number, "unit": r.unit}
            for r in self.rows
        ]
        return {"probe": self.probe, "at": to_rfc3339(self.at), "rows": rows, "error": self.error}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Create a reading from the result of `to_json`.

        Args:
            data: JSON types as `to_json` returns them.

        Returns:
            The reading.

        Raises:
            KeyError: A key is missing.
            TypeError: A row has an unknown key.
            ValueError: The level or the time is malformed.
        """
        rows = tuple(Row(**{**row, "level": Level(row["level"])}) for row in data["rows"])
        return cls(data["probe"], from_rfc3339(data["at"]), rows, data["error"])


@dataclass(frozen=True)
class Probe(ABC):
    """Base class of probes. A subclass is a frozen dataclass; its fields are the keys of the panel in the runbook."""

    name: ClassVar[str]
    """The name in runbooks; the same as the name of the entry point."""
    title: ClassVar[str]
    """The title of the panel."""
    every: ClassVar[float]
    """Seconds between two readings for a live panel."""

    @abstractmethod
    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """Measure once. Every external call needs a timeout, so that a reading ends within about 10 seconds.

        Args:
            runbook: The runbook with its targets and locations.
            clock: The source of the time of the reading.

        Returns:
            The reading. A failed measurement is an `error` of the reading or an `unknown` row, not an exception.
        """
