"""Metrics before and after a step, side by side."""

from __future__ import annotations

from midwatch.api.probe import Level, Reading, Row
from midwatch.incident.state import Attempt
from midwatch.system.units import figure

MOST = 12
"""Rows of one panel that are shown; the journal holds them all."""


def metric_changes(attempt: Attempt) -> list[str]:
    """A line of plain text for each row of each panel: `disk /backups 96 % → 71 %`."""
    panels = list(dict.fromkeys([*attempt.before, *attempt.after]))
    return [line for panel in panels for line in _panel(panel, attempt.before.get(panel), attempt.after.get(panel))]


def _panel(panel: str, before: Reading | None, after: Reading | None) -> list[str]:
    if (before is None or before.error) and (after is None or after.error):
        return [f"{panel}: {_missing(before)} → {_missing(after)}"]
    first, second = _rows(before), _rows(after)
    labels = list(dict.fromkeys([*first, *second]))
    shown = [f"{panel} {label} {_pair(before, first.get(label), after, second.get(label))}" for label in labels[:MOST]]
    return [*shown, f"{panel}: {len(labels) - MOST} more in the journal"] if len(labels) > MOST else shown


def _rows(reading: Reading | None) -> dict[str, Row]:
    """By label; labels that come twice are numbered."""
    found: dict[str, Row] = {}
    for row in reading.rows if reading is not None and not reading.error else ():
        label, number = row.label, 2
        while label in found:
            label, number = f"{row.label} ({number})", number + 1
        found[label] = row
    return found


def _pair(before: Reading | None, first: Row | None, after: Reading | None, second: Row | None) -> str:
    left = _value(first) if first else _missing(before)
    right = _value(second) if second else _missing(after)
    return f"{left} (unchanged)" if left == right and first and second else f"{left} → {right}"


def _missing(reading: Reading | None) -> str:
    if reading is None:
        return "no reading"
    return f"unknown ({reading.error})" if reading.error else "not there"


def _value(row: Row) -> str:
    if row.number is None or row.level is Level.UNKNOWN:
        return row.text
    shown = figure(row.number, row.unit)
    old = f"{shown} old"  # a bare length of time would not say that it is an age
    return old if row.text.startswith(old) else shown
