"""Live readings in a strip of one to three lines: what is wrong in words, what is well as a count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from midwatch.api.probe import Level, Row
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import FAINT, LEVEL_STYLES, SOON, TextStyles
from screens.widgets.text_layout import fit
from screens.widgets.time_labels import age

_HEAD = 10
_SHORTEST = 16
"""Cells that a row needs to say something."""


def summary_lines(
    panels: Sequence[PanelState], now: datetime, width: int, text_styles: TextStyles, *, most: int = 3
) -> list[Content]:
    """All panels in at most three lines, two beside each other where there are more."""
    if not panels:
        return []
    if len(panels) <= most:
        return [summary_cell(panel, now, width, text_styles) for panel in panels]
    half = (width - 2) // 2
    cells = [summary_cell(panel, now, half, text_styles) for panel in panels[: most * 2]]
    lines = []
    for n in range(0, len(cells), 2):
        if n + 1 < len(cells):
            lines.append(Content.assemble(cells[n], " " * (half - cells[n].cell_length + 2), cells[n + 1]))
        else:
            lines.append(summary_cell(panels[n], now, width, text_styles))
    return lines


def worst_line(panels: Sequence[PanelState], now: datetime, width: int, text_styles: TextStyles) -> Content:
    """The one panel that matters most, and how the others are, for a terminal with one line to spare."""
    if not panels:
        return Content("")
    levels = {
        panel.name: panel.reading.level if panel.reading and not panel.late(now) else Level.UNKNOWN for panel in panels
    }
    worst = max(panels, key=lambda panel: levels[panel.name].rank)
    others = [levels[panel.name] for panel in panels if panel is not worst]
    counts = [
        text_styles.ink(
            f" +{others.count(level)} {text_styles.signs.levels[level].strip() or level.value}",
            LEVEL_STYLES[level] or FAINT,
        )
        for level in sorted(set(others), key=lambda level: -level.rank)
    ]
    more = Content.assemble(*counts)
    cell = summary_cell(worst, now, width - more.cell_length, text_styles)
    return Content.assemble(cell, " " * (width - cell.cell_length - more.cell_length), more)


def summary_cell(panel: PanelState, now: datetime, width: int, text_styles: TextStyles) -> Content:
    """A panel in one line of at most `width` cells."""
    head = text_styles.ink(fit(text_styles.clean(panel.name), _HEAD - 1, text_styles).ljust(_HEAD), FAINT)
    reading, room = panel.reading, max(width - _HEAD, 4)
    if reading is None:
        return Content.assemble(head, text_styles.ink(fit("no reading yet", room, text_styles), FAINT))
    if reading.error:
        text = f"{text_styles.signs.levels[Level.UNKNOWN]} {text_styles.clean(reading.error)}"
        return Content.assemble(head, text_styles.ink(fit(text, room, text_styles), SOON))
    if panel.late(now):
        return Content.assemble(
            head, text_styles.ink(fit(f"? no answer since {age(reading.at, now)}", room, text_styles), SOON)
        )
    bad = sorted((row for row in reading.rows if row.level is not Level.OK), key=lambda row: -row.level.rank)
    well = [row for row in reading.rows if row.level is Level.OK]
    return Content.assemble(head, Content("  ").join(_parts(panel, bad, well, room, text_styles)))


def _parts(panel: PanelState, bad: list[Row], well: list[Row], room: int, text_styles: TextStyles) -> list[Content]:
    """As many rows as there is room for, and how many more there are."""
    parts: list[Content] = []
    shown = bad or well[:1]
    for row in shown:
        left, rest = room - sum(part.cell_length + 2 for part in parts), len(shown) - len(parts)
        reserve = 4 if rest > 1 else 0  # for saying that there are more
        if parts and left < _SHORTEST + reserve:
            parts += [text_styles.ink(f"+{rest}", SOON)] if left >= len(f"+{rest}") else []
            break
        parts.append(_part(panel, row, max(left - reserve, 3), text_styles))
    left = room - sum(part.cell_length + 2 for part in parts)
    more = len(well) if bad else len(well) - 1
    if more > 0 and left >= 5:
        parts.append(text_styles.ink(f"{more} ok" if bad else f"+{more} ok", FAINT))
    return parts


def _part(panel: PanelState, row: Row, room: int, text_styles: TextStyles) -> Content:
    """One row: its sign and its label in the colour of its level, and its text, in short where it is long."""
    style = LEVEL_STYLES[row.level]
    label = "" if row.label == panel.name else f"{text_styles.clean(row.label)} "
    head = f"{text_styles.signs.levels[row.level]} {label}".lstrip()
    text = text_styles.clean(row.text)
    if row.brief and len(head) + len(text) > room:
        text = text_styles.clean(row.brief)
    whole = fit(head + text, room, text_styles)
    edge = min(len(head), len(whole)) if style else 0
    return Content.assemble(text_styles.ink(whole[:edge], style), text_styles.ink(whole[edge:], "" if style else FAINT))
