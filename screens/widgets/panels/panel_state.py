"""What a panel knows: its newest reading, the newest good one, and how its figures went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from midwatch.api.probe import Reading
from screens.widgets.panels.time_series import TimeSeries

_LATE = 3
"""A reading is late after so many of its intervals …"""
_LATE_AT_LEAST = 20.0
"""… and after so many seconds."""
_ROWS = 64
"""Rows of a panel whose history is kept."""


@dataclass(frozen=True, slots=True)
class PanelState:
    """Never changed in place: a reading more makes another one."""

    name: str
    title: str
    every: float
    reading: Reading | None = None
    good: Reading | None = None
    history: Mapping[str, TimeSeries] = field(default_factory=dict)
    """By row label."""

    @property
    def standing(self) -> tuple[object, ...]:
        """How it stands, without its figures: the error, and each row with its level."""
        reading = self.reading
        return () if reading is None else (reading.error, *((row.label, row.level) for row in reading.rows))

    def late(self, now: datetime) -> bool:
        """Whether the newest reading is too old to stand for the present."""
        if self.reading is None:
            return False
        return (now - self.reading.at).total_seconds() > max(self.every * _LATE, _LATE_AT_LEAST)

    def taking(self, reading: Reading) -> PanelState:
        """This panel with one reading more; rows that are gone for good are forgotten."""
        history = (
            dict(self.history)
            if reading.error
            else {row.label: self.history.get(row.label, _NONE) for row in reading.rows}
        )
        for row in reading.rows[:_ROWS]:
            figure = row.curve or ((row.number, row.unit) if row.number is not None else None)
            if figure is not None:
                history[row.label] = history[row.label].taking(reading.at, *figure)
        good = self.good if reading.error else reading
        return PanelState(self.name, self.title, self.every, reading, good, history)


_NONE = TimeSeries()
