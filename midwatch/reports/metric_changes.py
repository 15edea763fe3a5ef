"""Metrics before and after a step, side by side."""

from __future__ import annotations

from midwatch.api.probe import Level, Reading, Row
from midwatch.incident.step_state import Attempt
from midwatch.system.units import figure

MOST = 12
"""Rows of one panel that are shown; the journal holds them all."""


def metric_changes(attempt: Attempt, *, telling: bool = False) -> list[str]:
    """A line of plain text for each row of each panel: `disk /backups 96 % → 71 %`.

    With `telling`, only those of rows that changed by more than the passing of time.
    """
    panels = list(dict.fromkeys([*attempt.before, *attempt.after]))
    pairs = ((panel, attempt.before.get(panel), attempt.after.get(panel)) for panel in panels)
    return [line for pair in pairs for line in _panel(*pair, telling=telling)]


def _panel(panel: str, before: Reading | None, after: Reading | None, *, telling: bool) -> list[str]:
    if (before is None or before.error) and (after is None or after.error):
        return [f"{panel}: {_missing(before)} → {_missing(after)}"]
    first, second = _rows(before), _rows(after)
    labels = list(dict.fromkeys([*first, *second]))
    if telling and first and second:
        labels = [label for label in labels if _tells(first.get(label), second.get(label))]
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


def _tells(first: Row | None, second: Row | None) -> bool:
    """Whether the row came or went, or has another level, or another figure; an age tells only when it fell."""
    if first is None or second is None or first.level is not second.level:
        return True
    if first.number is None or second.number is None:
        return False  # a load, or since when a container runs
    return second.number < first.number if first.unit == "s" else _value(first) != _value(second)


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
