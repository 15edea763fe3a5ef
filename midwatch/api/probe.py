"""What a probe is: a read-only reading of the world, with its time and its error. Public API for plug-ins.

Probes are found through the entry point group `midwatch.probes`. Their modules import lightly.
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
    """How a row stands. `unknown` is never shown as well."""

    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Higher is worse; unknown ranks between warn and critical."""
        return (Level.OK, Level.WARN, Level.UNKNOWN, Level.CRITICAL).index(self)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a reading: a mount, a database, a log line."""

    label: str
    text: str
    """What to show, short: `96 % full, 14.8 MB free`. Foreign text in it is not yet cleaned."""
    level: Level
    number: float | None = None
    """The figure that history and before/after follow; None when there is none."""
    unit: str = ""
    """`%`, `B`, `s` or empty."""
    detail: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Further figures for programs; JSON types."""
    brief: str = ""
    """The text in a few characters, for a terminal with little room: `96 %`; empty where the text is short already."""
    facts: tuple[tuple[str, str], ...] = ()
    """Label and text of everything else that is known, for the panel's full page. Foreign text in it is not yet cleaned."""
    limits: tuple[float, ...] = ()
    """The figures from which on `number` is a warning, and critical."""
    series: tuple[float, ...] = ()
    """How the figure went in the past, oldest first, where the probe knows it; else the screen remembers its own readings."""
    curve: tuple[float, str] | None = None
    """A figure and its unit that history follows where `number` is not the one to follow."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a probe saw, and when. With `error` set, `rows` holds nothing that may be taken for current."""

    probe: str
    at: datetime
    rows: tuple[Row, ...] = ()
    error: str = ""

    @property
    def level(self) -> Level:
        """The worst of its rows; `unknown` when it failed or is empty."""
        if self.error or not self.rows:
            return Level.UNKNOWN
        return max((row.level for row in self.rows), key=lambda level: level.rank)

    def to_json(self) -> dict[str, Any]:
        """Compact JSON for the journal."""
        rows = [
            {"label": r.label, "text": r.text, "level": r.level.value, "number": r.number, "unit": r.unit}
            for r in self.rows
        ]
        return {"probe": self.probe, "at": to_rfc3339(self.at), "rows": rows, "error": self.error}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        rows = tuple(Row(**{**row, "level": Level(row["level"])}) for row in data["rows"])
        return cls(data["probe"], from_rfc3339(data["at"]), rows, data["error"])


@dataclass(frozen=True)
class Probe(ABC):
    """Base of probes: frozen dataclasses whose fields are their parameters (the panel's keys in the runbook)."""

    name: ClassVar[str]
    title: ClassVar[str]
    every: ClassVar[float]
    """Seconds between two readings for a live panel."""

    @abstractmethod
    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """Look once. Never raises for what may be wrong in the world: that is an error in the reading, or in a row.

        Every external call has a timeout, so that a reading ends within about 10 seconds.
        """
