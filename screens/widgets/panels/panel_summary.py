"""Live readings in a strip of one to three lines: what is wrong in words, what is well as a count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from textual.content import Content

from midwatch.api.probe import Level, Row
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import FAINT, LEVEL_STYLES, LEVEL_WORDS, SOON, TextStyles
from screens.widgets.text_layout import edges, fit
from screens.widgets.time_labels import age

_HEAD, _MOST = 10, 3
"""Cells of the name of a panel, and lines of a strip."""
_SHORTEST = 24
"""Cells that a long text needs to say something."""


def summary_lines(panels: Sequence[PanelState], now: datetime, width: int, text_styles: TextStyles) -> list[Content]:
    """All panels in at most three lines, two beside each other where there are more."""
    if len(panels) <= _MOST:
        return [summary_cell(panel, now, width, text_styles) for panel in panels]
    half = _half(width)
    cells = [summary_cell(panel, now, half, text_styles) for panel in panels[: _MOST * 2]]
    lines = []
    for n in range(0, len(cells), 2):
        if n + 1 < len(cells):
            lines.append(Content.assemble(cells[n], " " * (half - cells[n].cell_length + 2), cells[n + 1]))
        else:
            lines.append(summary_cell(panels[n], now, width, text_styles))
    return lines


def cell_at(count: int, width: int, line: int, cell: int) -> int:
    """The number of the panel that `summary_lines` of so many panels drew there; 0 for none."""
    beside = cell >= _half(width) + 2 and line * 2 + 1 < count
    number = line + 1 if count <= _MOST else line * 2 + 1 + beside
    return number if number <= count else 0


def _half(width: int) -> int:
    return (width - 2) // 2


def worst_line(panels: Sequence[PanelState], now: datetime, width: int, text_styles: TextStyles) -> Content:
    """The one panel that matters most, and which others are not well, for a terminal with one line to spare."""
    if not panels:
        return Content("")
    levels = {panel.name: _level(panel, now) for panel in panels}
    worst = worst_panel(panels, now)
    others = sorted(
        (panel for panel in panels if panel is not worst and levels[panel.name] is not Level.OK),
        key=lambda panel: -levels[panel.name].rank,
    )
    marks = [
        text_styles.ink(
            f"{text_styles.signs.levels[levels[panel.name]]} {text_styles.clean(panel.name)}",
            LEVEL_STYLES[levels[panel.name]],
        )
        for panel in others
    ]
    more = Content("  ").join(marks)
    if more.cell_length > width // 2:
        more = Content.assemble(
            text_styles.ink("others ", FAINT), counts([levels[panel.name] for panel in others], text_styles)
        )
    cell = summary_cell(worst, now, width - more.cell_length - 2 * bool(more), text_styles, alone=True)
    return edges(cell, more, width)


def worst_panel(panels: Sequence[PanelState], now: datetime) -> PanelState:
    """The panel that matters most."""
    return max(panels, key=lambda panel: _level(panel, now).rank)


def _level(panel: PanelState, now: datetime) -> Level:
    return panel.reading.level if panel.reading and not panel.late(now) else Level.UNKNOWN


def counts(levels: Iterable[Level], text_styles: TextStyles) -> Content:
    """How many stand how, the worst first: `2 critical, 1 warning, 3 ok`."""
    tally = Counter(levels)
    parts = [
        text_styles.ink(f"{tally[level]} {LEVEL_WORDS[level]}", LEVEL_STYLES[level] or FAINT)
        for level in sorted(tally, key=lambda level: -level.rank)
    ]
    return text_styles.ink(", ", FAINT).join(parts)


def summary_cell(
    panel: PanelState, now: datetime, width: int, text_styles: TextStyles, *, alone: bool = False
) -> Content:
    """A panel in one line of at most `width` cells. `alone`: no panel stands below it, and what is well is left out."""
    name = fit(text_styles.clean(panel.name), _HEAD - 1, text_styles)
    head = text_styles.ink(f"{name} " if alone else name.ljust(_HEAD), FAINT)
    reading, room = panel.reading, max(width - head.cell_length, 4)
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
    well = [row for row in reading.rows if row.level is Level.OK and not (alone and bad)]
    return Content.assemble(head, Content("  ").join(_parts(panel, bad, well, room, text_styles)))


def _parts(panel: PanelState, bad: list[Row], well: list[Row], room: int, text_styles: TextStyles) -> list[Content]:
    """As many rows as there is room for, and how many more stand how."""
    shown = bad or well[:1]
    others = [*shown, *(well if bad else well[1:])]
    parts: list[Content] = []
    for row in shown:
        rest = counts((other.level for other in others[1:]), text_styles)
        left = room - sum(part.cell_length + 2 for part in parts)
        wanted = _wanted(panel, row, text_styles)
        reserve = rest.cell_length + 2 if rest and others[1] not in well else 0  # what is well may go uncounted
        if not parts and left - reserve < wanted:
            reserve = 0
        if parts and left - reserve < wanted:
            break
        parts.append(_part(panel, row, left - reserve, text_styles))
        others = others[1:]
    rest = counts((other.level for other in others), text_styles)
    left = room - sum(part.cell_length + 2 for part in parts)
    if rest and rest.cell_length <= left:
        parts.append(rest)
    return parts


def _wanted(panel: PanelState, row: Row, text_styles: TextStyles) -> int:
    """Cells in which a row says all that matters."""
    text = text_styles.clean(row.brief) if row.brief else text_styles.clean(row.text)[:_SHORTEST]
    return len(_head(panel, row, text_styles)) + len(text)


def _head(panel: PanelState, row: Row, text_styles: TextStyles) -> str:
    label = "" if row.label == panel.name else f"{text_styles.clean(row.label)} "
    return f"{text_styles.signs.levels[row.level]} {label}".lstrip()


def _part(panel: PanelState, row: Row, room: int, text_styles: TextStyles) -> Content:
    """One row: its sign and its label in the colour of its level, and its text, in short where it is long.

    Where that is still too long, the label is shortened and not the figure."""
    style, head, text = LEVEL_STYLES[row.level], _head(panel, row, text_styles), text_styles.clean(row.text)
    if row.brief and len(head) + len(text) > room:
        text = text_styles.clean(row.brief)
        if 6 <= room - len(text) < len(head):
            head = f"{fit(head.rstrip(), room - len(text) - 1, text_styles)} "
    whole = fit(head + text, max(room, 3), text_styles)
    edge = min(len(head), len(whole)) if style else 0
    return Content.assemble(text_styles.ink(whole[:edge], style), text_styles.ink(whole[edge:], "" if style else FAINT))
