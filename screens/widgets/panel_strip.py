"""Live readings in a strip of one to three lines: what is wrong in words, what is well as a count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from midwatch.probe import Level, Row
from screens.widgets.ages import age
from screens.widgets.panel_state import PanelState
from screens.widgets.pen import FAINT, LEVEL_STYLES, SOON, Pen
from screens.widgets.rows import fit

_HEAD = 10
_SHORTEST = 16
"""Cells that a row needs to say something."""


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
    """The one panel that matters most, and how the others are, for a terminal with one line to spare."""
    if not panels:
        return Content("")
    levels = {panel.name: panel.reading.level if panel.reading and not panel.late(now) else Level.UNKNOWN for panel in panels}
    worst = max(panels, key=lambda panel: levels[panel.name].rank)
    others = [levels[panel.name] for panel in panels if panel is not worst]
    counts = [
        pen.ink(f" +{others.count(level)} {pen.signs.levels[level].strip() or level.value}", LEVEL_STYLES[level] or FAINT)
        for level in sorted(set(others), key=lambda level: -level.rank)
    ]
    more = Content.assemble(*counts)
    cell = strip_cell(worst, now, width - more.cell_length, pen)
    return Content.assemble(cell, " " * (width - cell.cell_length - more.cell_length), more)


def strip_cell(panel: PanelState, now: datetime, width: int, pen: Pen) -> Content:
    """A panel in one line of at most `width` cells."""
    head = pen.ink(fit(pen.clean(panel.name), _HEAD - 1, pen).ljust(_HEAD), FAINT)
    reading, room = panel.reading, max(width - _HEAD, 4)
    if reading is None:
        return Content.assemble(head, pen.ink(fit("no reading yet", room, pen), FAINT))
    if reading.error:
        text = f"{pen.signs.levels[Level.UNKNOWN]} {pen.clean(reading.error)}"
        return Content.assemble(head, pen.ink(fit(text, room, pen), SOON))
    if panel.late(now):
        return Content.assemble(head, pen.ink(fit(f"? no answer since {age(reading.at, now)}", room, pen), SOON))
    bad = sorted((row for row in reading.rows if row.level is not Level.OK), key=lambda row: -row.level.rank)
    well = [row for row in reading.rows if row.level is Level.OK]
    return Content.assemble(head, Content("  ").join(_parts(panel, bad, well, room, pen)))


def _parts(panel: PanelState, bad: list[Row], well: list[Row], room: int, pen: Pen) -> list[Content]:
    """As many rows as there is room for, and how many more there are."""
    parts: list[Content] = []
    shown = bad or well[:1]
    for row in shown:
        left, rest = room - sum(part.cell_length + 2 for part in parts), len(shown) - len(parts)
        reserve = 4 if rest > 1 else 0  # for saying that there are more
        if parts and left < _SHORTEST + reserve:
            parts += [pen.ink(f"+{rest}", SOON)] if left >= len(f"+{rest}") else []
            break
        parts.append(_part(panel, row, max(left - reserve, 3), pen))
    left = room - sum(part.cell_length + 2 for part in parts)
    more = len(well) if bad else len(well) - 1
    if more > 0 and left >= 5:
        parts.append(pen.ink(f"{more} ok" if bad else f"+{more} ok", FAINT))
    return parts


def _part(panel: PanelState, row: Row, room: int, pen: Pen) -> Content:
    """One row: its sign and its label in the colour of its level, and its text, in short where it is long."""
    style = LEVEL_STYLES[row.level]
    label = "" if row.label == panel.name else f"{pen.clean(row.label)} "
    head = f"{pen.signs.levels[row.level]} {label}".lstrip()
    text = pen.clean(row.text)
    if row.brief and len(head) + len(text) > room:
        text = pen.clean(row.brief)
    whole = fit(head + text, room, pen)
    edge = min(len(head), len(whole)) if style else 0
    return Content.assemble(pen.ink(whole[:edge], style), pen.ink(whole[edge:], "" if style else FAINT))
