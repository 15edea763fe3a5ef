"""The charts of an incident, each with its numbers as a table: steps, disks, sizes of backups, severity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from midwatch.api.probe import Reading
from midwatch.incident.events import EventKind
from midwatch.reports import svg
from midwatch.reports.incident_facts import Facts
from midwatch.reports.time_format import day_and_time, time_of_day
from midwatch.reports.timeline_entry import Entry
from midwatch.runbook.model import Risk
from midwatch.system.shortened import shortened
from midwatch.system.units import duration

MOST = 120
"""Rows of a chart and points of a line that are drawn; the timeline holds all of them."""
_ROW = 20
_LEFT = 400
_TEXT = 56
_SIZE = re.compile(r"\b(?P<number>\d+(?:\.\d+)?) (?P<unit>B|kB|MB|GB|TB)\b")
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_SAME_BACKUP = timedelta(seconds=5)
"""Two readings of one backup give the time of its end with at most this difference."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and its numbers."""

    title: str
    note: str
    picture: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def charts(facts: Facts, entries: Sequence[Entry]) -> list[Chart]:
    """The charts for which the journal has numbers."""
    if facts.declared is None or facts.last is None:
        return []
    found = (_steps(facts, entries), _disks(facts, entries), _backups(facts), _severity(facts))
    return [chart for chart in found if chart is not None]


def _more(shown: int, all_: int, what: str) -> str:
    return f" Shown: {shown} of {all_} {what}; the timeline has all." if shown < all_ else ""


def _axis(facts: Facts, moments: Sequence[datetime], left: float, right: float) -> svg.TimeAxis:
    last = facts.last.time if facts.last else moments[-1]
    first = facts.declared.time if facts.declared else moments[0]
    return svg.TimeAxis(min(first, *moments), max(last, *moments), left, right)


def _steps(facts: Facts, entries: Sequence[Entry]) -> Chart | None:
    of_steps = [entry for entry in entries if entry.step and entry.outcome]
    if not of_steps:
        return None
    by_step: dict[str, list[Entry]] = {}
    for entry in of_steps[: MOST * 3]:
        by_step.setdefault(entry.step, []).append(entry)
    place = {step: number for number, step in enumerate(list(by_step)[:MOST])}
    shown = [entry for entry in of_steps[: MOST * 3] if entry.step in place]
    axis = _axis(facts, [moment for entry in shown for moment in (entry.at, entry.until or entry.at)], _LEFT, 760)
    height = len(place) * _ROW + 8.0
    names = {entry.step: entry.subject.partition(", attempt ")[0] for entry in reversed(shown)}
    parts = list(axis.drawn(0, height))
    parts += [
        svg.words(_LEFT - 8, n * _ROW + 18, shortened(names[step], _TEXT), anchor="end") for step, n in place.items()
    ]
    for step, n in place.items():
        parts += _row(axis, by_step[step], n * _ROW + 5.0)
    rows = tuple(
        (
            entry.subject,
            day_and_time(entry.at),
            duration(entry.seconds) if entry.seconds is not None else "",
            entry.outcome,
        )
        for entry in shown
    )
    note = "A bar is an attempt from its start to its end, a diamond is a decision of a person."
    note += " Failed attempts are hatched." + _more(len(shown), len(of_steps), "attempts and decisions")
    picture = svg.picture("When each step ran", height, parts)
    return Chart("Steps over time", note, picture, ("Step", "Start", "Lasted", "Outcome"), rows)


def _row(axis: svg.TimeAxis, entries: Sequence[Entry], y: float) -> Iterator[str]:
    """The bars of one step, and behind the last of them how each ended."""
    end = 0.0
    for entry in entries:
        x = axis.x(entry.at)
        if entry.until is None:
            yield svg.mark(x, y + 7, 3)
            end = max(end, x + 8)
        else:
            width = max(3.0, axis.x(entry.until) - x)
            yield svg.box(x, y, width, 14, "bar" if _is_good(entry) else "bar bad")
            end = max(end, x + width + 5)
    words = ", ".join(f"{_sign(entry)}{entry.outcome}" for entry in entries)
    alone = f" after {duration(entries[0].seconds)}" if len(entries) == 1 and entries[0].seconds is not None else ""
    yield svg.words(end, y + 12, shortened(words + alone, 34))


def _sign(entry: Entry) -> str:
    decided = entry.until is None and not entry.outcome.startswith("failed")
    return "✓ " if _is_good(entry) else "" if decided else "✗ "


def _is_good(entry: Entry) -> bool:
    return entry.outcome.startswith("done")


def _readings(facts: Facts) -> Iterator[Reading]:
    for event in facts.of_kind(EventKind.READING):
        reading = Reading.from_json(event.body["reading"])
        if not reading.error:
            yield reading


def _disks(facts: Facts, entries: Sequence[Entry]) -> Chart | None:
    series: dict[str, list[tuple[datetime, float]]] = {}
    for reading in sorted(_readings(facts), key=lambda reading: reading.at):
        for row in reading.rows:
            if row.unit == "%" and row.number is not None:
                series.setdefault(f"{reading.probe} {row.label}", []).append((reading.at, row.number))
    if not series:
        return None
    axis = _axis(facts, [at for points in series.values() for at, _ in points], 60, 760)
    top, bottom = 26.0, 246.0
    parts = list(axis.drawn(top, bottom))
    for percent in (0, 25, 50, 75, 100):
        y = _height(percent, top, bottom)
        parts += [svg.line(60, y, 760, y, "grid"), svg.words(52, y + 4, f"{percent} %", anchor="end")]
    parts += _changing(facts, entries, axis, top, bottom)
    ends: list[float] = []
    for number, (label, points) in enumerate(list(series.items())[:8]):
        kept = points[:: len(points) // MOST + 1] + points[-1:]
        drawn = [(axis.x(at), _height(value, top, bottom)) for at, value in kept]
        parts.append(svg.path([*drawn, (760, drawn[-1][1])], f"curve dash{number % 4}"))
        parts += [svg.mark(x, y, number) for x, y in drawn]
        y = drawn[-1][1]
        while any(abs(y - other) < 14 for other in ends):
            y += 14
        ends.append(y)
        parts += [svg.mark(772, y, number), svg.words(782, y + 4, shortened(f"{label}, {points[-1][1]:.0f} %", 26))]
    rows = [
        (label, day_and_time(at), f"{value:.1f} %")
        for label, points in series.items()
        for at, value in _changes(points)
    ]
    note = "Readings around steps. A dashed line with a number is the end of a step that changes something."
    note += _more(min(len(rows), MOST), len(rows), "changes")
    picture = svg.picture("How full each disk was, with the steps on it", bottom, parts)
    return Chart("Disk over the incident", note, picture, ("Disk", "Changed at", "Full"), tuple(rows[:MOST]))


def _height(percent: float, top: float, bottom: float) -> float:
    return round(bottom - min(100.0, max(0.0, percent)) / 100 * (bottom - top), 1)


def _changes(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """The first reading, and each that differs from the one before it."""
    return [point for n, point in enumerate(points) if n == 0 or round(point[1], 1) != round(points[n - 1][1], 1)]


def _changing(facts: Facts, entries: Sequence[Entry], axis: svg.TimeAxis, top: float, bottom: float) -> Iterator[str]:
    free = 0.0
    for entry in entries:
        step = facts.runbook.find(entry.step) if entry.until else None
        if step is None or step.risk is Risk.OBSERVE or entry.until is None:
            continue
        x = axis.x(entry.until)
        if x >= free:  # else it would stand on the one before it
            yield svg.line(x, top - 6, x, bottom, "step")
            yield svg.words(x, top - 10, step.number, anchor="middle")
            free = x + 30


def _backups(facts: Facts) -> Chart | None:
    found: dict[str, list[tuple[datetime, str, float]]] = {}
    for reading in _readings(facts):
        for row in reading.rows if reading.probe == "backups" else ():
            size = _SIZE.search(row.text)
            if row.unit != "s" or row.number is None or size is None:
                continue
            ended = reading.at - timedelta(seconds=row.number)
            known = found.setdefault(row.label, [])
            if not known or abs(known[-1][0] - ended) > _SAME_BACKUP:
                known.append((ended, size[0], float(size["number"]) * _UNITS[size["unit"]]))
    bars = [(label, *backup) for label, backups in found.items() for backup in backups]
    if not bars:
        return None
    most = max(count for *_, count in bars) or 1.0
    parts = []
    for number, (label, ended, size_text, count) in enumerate(bars[:MOST]):
        y, width = number * _ROW + 5.0, max(2.0, round(count / most * 460, 1))
        parts.append(
            svg.words(
                _LEFT - 8,
                y + 12,
                f"{shortened(label, 20)}, {ended.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
                anchor="end",
            )
        )
        parts += [svg.box(_LEFT, y, width, 14, "bar"), svg.words(_LEFT + width + 6, y + 12, size_text)]
    rows = tuple((label, day_and_time(ended), size_text) for label, ended, size_text, _ in bars[:MOST])
    note = "The newest backup of each database, whenever a reading found another one." + _more(
        len(rows), len(bars), "backups"
    )
    picture = svg.picture("Sizes of the backups that the readings found", len(rows) * _ROW - 20.0, parts)
    return Chart("Sizes of backups", note, picture, ("Database", "Backup of", "Size"), rows)


def _severity(facts: Facts) -> Chart | None:
    declared, last = facts.declared, facts.last
    if declared is None or last is None:
        return None
    changes = facts.of_kind(EventKind.SEVERITY)
    first = str(declared.body["severity"])
    spans = [(declared, first, "declared"), *((e, str(e.body["to"]), _reason(e.body)) for e in changes)]
    names = sorted({name for _, name, _ in spans})
    place = {name: number * 34 + 20.0 for number, name in enumerate(names)}
    axis = _axis(facts, [declared.time], 90, 900)
    bottom = len(names) * 34 + 4.0
    parts = list(axis.drawn(0, bottom))
    for name, y in place.items():
        parts += [svg.words(82, y + 4, name, anchor="end"), svg.line(90, y, 900, y, "grid")]
    drawn = [(axis.x(event.time), place[name]) for event, name, _ in spans][-MOST * 4 :]
    parts.append(svg.path([*drawn, (axis.x(last.time), drawn[-1][1])], "curve"))
    parts += [svg.mark(x, y, 0) for x, y in drawn]
    lasted = [seconds for _, seconds in facts.by_severity()]
    rows = tuple(
        (name, time_of_day(event.time), duration(seconds), why)
        for (event, name, why), seconds in zip(spans, lasted, strict=True)
    )
    picture = svg.picture("The severity over time, the worst above", bottom, parts)
    head = ("Severity", "From (UTC)", "For", "Why")
    return Chart(
        "Severity over time",
        "The worst is above." + _more(min(len(rows), MOST), len(rows), "changes"),
        picture,
        head,
        rows[:MOST],
    )


def _reason(body: Mapping[str, object]) -> str:
    return f"{body['reason']}{' (automatic)' if body.get('automatic') else ''}"
