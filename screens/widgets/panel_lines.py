"""Live readings as lines: a cell in a strip, a block in a column, a whole page. Nothing stale passes for current."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from textual.content import Content

from midwatch.probe import Level, Reading, Row
from screens.widgets.ages import age
from screens.widgets.pen import FAINT, LEVEL_STYLES, SOON, STRONG, Pen
from screens.widgets.rows import edges, fit, labelled, wrap

_LATE = 3
"""A reading is late after so many of its intervals …"""
_LATE_AT_LEAST = 20.0
"""… and after so many seconds."""


@dataclass(frozen=True, slots=True)
class PanelState:
    """What a panel knows: its newest reading, the newest good one, and how its figures went."""

    name: str
    title: str
    every: float
    reading: Reading | None = None
    good: Reading | None = None
    trends: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By row label, oldest first."""

    def late(self, now: datetime) -> bool:
        """Whether the newest reading is too old to stand for the present."""
        if self.reading is None:
            return False
        return (now - self.reading.at).total_seconds() > max(self.every * _LATE, _LATE_AT_LEAST)

    def taking(self, reading: Reading, *, keep: int = 60) -> PanelState:
        """This panel with one reading more."""
        trends = dict(self.trends)
        for row in reading.rows:
            if row.number is not None:
                trends[row.label] = (*trends.get(row.label, ()), row.number)[-keep:]
        good = self.good if reading.error else reading
        return PanelState(self.name, self.title, self.every, reading, good, trends)


def strip_cell(panel: PanelState, now: datetime, width: int, pen: Pen) -> Content:
    """A panel in one line: what is wrong in words, what is well as a count."""
    head = pen.ink(fit(pen.clean(panel.name), 9, pen).ljust(10), FAINT)
    reading, room = panel.reading, max(width - 10, 4)
    if reading is None:
        return Content.assemble(head, pen.ink(fit("no reading yet", room, pen), FAINT))
    if reading.error:
        text = f"{pen.signs.levels[Level.UNKNOWN]} {pen.clean(reading.error)}"
        return Content.assemble(head, pen.ink(fit(text, room, pen), SOON))
    if panel.late(now):
        return Content.assemble(head, pen.ink(fit(f"? no answer since {age(reading.at, now)}", room, pen), SOON))
    parts: list[Content] = []
    bad = sorted((row for row in reading.rows if row.level is not Level.OK), key=lambda row: -row.level.rank)
    well = [row for row in reading.rows if row.level is Level.OK]
    shown = bad or well[:1]
    for row in shown:
        used = sum(part.cell_length + 2 for part in parts)
        label = "" if row.label == panel.name else f"{pen.clean(row.label)} "
        if parts and used + 16 > room:
            parts.append(pen.ink(f"+{len(shown) - len(parts)}", SOON))
            break
        style = LEVEL_STYLES[row.level]
        text = fit(f"{pen.signs.levels[row.level]} {label}".lstrip() + pen.clean(row.text), max(room - used, 3), pen)
        edge = text.find(" ", 2) if style else 0
        parts.append(Content.assemble(pen.ink(text[:edge], style), pen.ink(text[edge:], "" if style else FAINT)))
    if well and bad and sum(part.cell_length + 2 for part in parts) + 5 <= room:
        parts.append(pen.ink(f"{len(well)} ok", FAINT))
    elif not bad and len(well) > 1 and sum(part.cell_length + 2 for part in parts) + 8 <= room:
        parts.append(pen.ink(f"+{len(well) - 1} ok", FAINT))
    return Content.assemble(head, Content("  ").join(parts))


def strip_lines(panels: Sequence[PanelState], now: datetime, width: int, pen: Pen, *, most: int = 3) -> list[Content]:
    """All panels in at most three lines, two beside each other where there are more."""
    if not panels:
        return []
    if len(panels) <= most:
        return [strip_cell(panel, now, width, pen) for panel in panels]
    half = (width - 2) // 2
    cells = [strip_cell(panel, now, half, pen) for panel in panels[: most * 2]]
    lines = []
    for n in range(0, len(cells), 2):
        if n + 1 < len(cells):
            lines.append(Content.assemble(cells[n], " " * (half - cells[n].cell_length + 2), cells[n + 1]))
        else:
            lines.append(strip_cell(panels[n], now, width, pen))
    return lines


def worst_line(panels: Sequence[PanelState], now: datetime, width: int, pen: Pen) -> Content:
    """The one panel that matters most, for a terminal with one line to spare."""

    def rank(panel: PanelState) -> int:
        return panel.reading.level.rank if panel.reading and not panel.late(now) else Level.UNKNOWN.rank

    return strip_cell(max(panels, key=rank), now, width, pen) if panels else Content("")


def column_lines(panels: Sequence[PanelState], now: datetime, width: int, height: int, pen: Pen) -> list[Content]:
    """All panels below each other; the rows that are well give way when there is no room."""
    room = max(height // len(panels), 3) if panels else 0
    blocks = [_block(panel, now, width, pen, most=10_000) for panel in panels]
    if sum(map(len, blocks)) + len(blocks) - 1 > height:
        spare = sum(max(room - 1 - len(block), 0) for block in blocks)
        blocks = [
            block if len(block) < room else _block(panel, now, width, pen, most=room - 2 + spare // max(len(panels), 1))
            for panel, block in zip(panels, blocks, strict=True)
        ]
    lines: list[Content] = []
    for block in blocks:
        lines += [*block, Content("")]
    return lines[:-1]


def page_lines(panel: PanelState, now: datetime, width: int, pen: Pen) -> list[Content]:
    """Everything that a panel knows."""
    lines = _block(panel, now, width, pen, most=10_000, details=True)
    if panel.reading and panel.reading.error and panel.good:
        old = PanelState(panel.name, f"The last good reading, {age(panel.good.at, now)}", panel.every, panel.good, panel.good)
        lines += [Content(""), *_block(old, panel.good.at, width, pen, most=10_000, details=True)]
    return lines


def _block(panel: PanelState, now: datetime, width: int, pen: Pen, *, most: int, details: bool = False) -> list[Content]:
    reading = panel.reading
    when = "" if reading is None else age(reading.at, now)
    lines = [edges(pen.ink(panel.title, STRONG), pen.ink(when, SOON if panel.late(now) else FAINT), width)]
    if reading is None:
        return [*lines, pen.ink("  no reading yet", FAINT)]
    if reading.error:
        lines += labelled(f"  {pen.signs.levels[Level.UNKNOWN]} ", reading.error, width, pen, column=4, style=SOON)
        if panel.good:
            lines.append(pen.ink(f"    last good reading: {age(panel.good.at, now)}", FAINT))
        return lines
    if panel.late(now):
        return [*lines, pen.ink(f"  ? no answer since {age(reading.at, now)}; the figures are not current", SOON)]
    rows = list(reading.rows)
    if sum(len(_row(panel, row, width, pen)) for row in rows) > most:
        rows.sort(key=lambda row: -row.level.rank)
    for number, row in enumerate(rows):
        more = _row(panel, row, width, pen, details=details)
        if len(lines) - 1 + len(more) > most and number:
            lines.append(pen.ink(f"    and {len(rows) - number} more", FAINT))
            break
        lines += more
    return lines


def _row(panel: PanelState, row: Row, width: int, pen: Pen, *, details: bool = False) -> list[Content]:
    longest = max((len(other.label) for other in panel.reading.rows), default=0) if panel.reading else 0
    column = min(max(longest, 3) + 1, max(width // 3, 6))
    style = LEVEL_STYLES[row.level]
    label = fit(pen.clean(row.label), column - 1, pen).ljust(column)
    curve = pen.spark(list(panel.trends.get(row.label, ())[-10:]))
    texts = wrap(pen.clean(row.text), max(width - column - 4 - (len(curve) + 1 if curve else 0), 8))
    if not details and len(texts) > 2:
        texts = [texts[0], fit(" ".join(texts[1:]), max(width - column - 4, 8), pen)]
    lines = []
    for number, text in enumerate(texts):
        sign = pen.signs.levels[row.level] if number == 0 else " "
        left = Content.assemble(
            pen.ink(f"  {sign} ", style),
            pen.ink(label if number == 0 else " " * column, style or FAINT),
            pen.ink(text, "" if style else FAINT),
        )
        lines.append(edges(left, pen.ink(curve if number == 0 else "", FAINT), width))
    if details and row.detail:
        lines += labelled("", row.detail, width, pen, column=column + 4, style=FAINT)
    return lines
