"""Live readings as blocks in a column: a title with its age, a line a row. Nothing stale passes for current."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from midwatch.api.probe import Level, Row
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import FAINT, LEVEL_STYLES, SOON, STRONG, WELL, TextStyles
from screens.widgets.text_layout import edges, fit, labelled, wrap
from screens.widgets.time_labels import age

_CURVE = 10
"""Cells of the small curve beside a row."""
_BAR = 40
"""Cells of a bar of use at most."""


def column_lines(
    panels: Sequence[PanelState], now: datetime, width: int, height: int, text_styles: TextStyles
) -> list[Content]:
    """All panels below each other: with details where there is room, and without the rows that are well where there is
    none."""
    for details in (True, False):
        blocks = [
            block_lines(panel, now, width, text_styles, number=n, details=details)
            for n, panel in enumerate(panels, start=1)
        ]
        if sum(map(len, blocks)) + len(blocks) - 1 <= height:
            break
    else:
        room = max(height // len(panels), 3) if panels else 0
        spare = sum(max(room - 1 - len(block), 0) for block in blocks) // max(len(panels), 1)
        blocks = [
            block if len(block) < room else block_lines(panel, now, width, text_styles, number=n, most=room - 2 + spare)
            for n, (panel, block) in enumerate(zip(panels, blocks, strict=True), start=1)
        ]
    lines: list[Content] = []
    for block in blocks:
        lines += [*block, Content("")]
    return lines[:-1]


def block_at(panels: Sequence[PanelState], lines: Sequence[Content], line: int) -> int:
    """The number of the panel to which this line of a column belongs; 0 for none."""
    titles = [f"{number} {panel.title}" for number, panel in enumerate(panels, start=1)]
    for shown in reversed(lines[: line + 1]):
        found = [n for n, title in enumerate(titles, start=1) if shown.plain.startswith(title)]
        if found:
            return found[0]
    return 0


def block_lines(
    panel: PanelState,
    now: datetime,
    width: int,
    text_styles: TextStyles,
    *,
    number: int = 0,
    most: int = 10_000,
    details: bool = False,
) -> list[Content]:
    """One panel: its title with its key and its age, then its rows, `most` lines of them."""
    reading = panel.reading
    key = f"{number} " if number else ""
    lines = [
        edges(
            Content.assemble(text_styles.ink(key, FAINT), text_styles.ink(panel.title, STRONG)),
            age_of(panel, now, text_styles),
            width,
        )
    ]
    if reading is None:
        return [*lines, text_styles.ink("  no reading yet", FAINT)]
    if reading.error:
        lines += labelled(
            f"  {text_styles.signs.levels[Level.UNKNOWN]} ", reading.error, width, text_styles, column=4, style=SOON
        )
        if panel.good:
            lines.append(text_styles.ink(f"    last good reading: {age(panel.good.at, now)}", FAINT))
        return lines
    if panel.late(now):
        return [
            *lines,
            text_styles.ink(f"  ? no answer since {age(reading.at, now)}; the figures are not current", SOON),
        ]
    rows = list(reading.rows)
    if sum(len(row_lines(panel, row, width, text_styles)) for row in rows) > most:
        rows.sort(key=lambda row: -row.level.rank)
    for place, row in enumerate(rows):
        more = row_lines(panel, row, width, text_styles, details=details)
        if len(lines) - 1 + len(more) > most and place:
            lines.append(text_styles.ink(f"    and {len(rows) - place} more", FAINT))
            break
        lines += more
    return lines


def age_of(panel: PanelState, now: datetime, text_styles: TextStyles) -> Content:
    """How old the newest reading is."""
    if panel.reading is None:
        return Content("")
    return text_styles.ink(age(panel.reading.at, now), SOON if panel.late(now) else FAINT)


def row_lines(
    panel: PanelState, row: Row, width: int, text_styles: TextStyles, *, details: bool = False
) -> list[Content]:
    """One row: sign, label, text, and the small curve of its figure."""
    longest = max((len(other.label) for other in panel.reading.rows), default=0) if panel.reading else 0
    column = min(max(longest, 3) + 1, max(width // 3, 6))
    style = LEVEL_STYLES[row.level]
    label = fit(text_styles.clean(row.label), column - 1, text_styles).ljust(column)
    history = panel.history.get(row.label)
    curve = text_styles.spark(
        list(row.series[-_CURVE:]) if row.series else history.still.curve(_CURVE) if history else []
    )
    texts = wrap(text_styles.clean(row.text), max(width - column - 4 - (len(curve) + 1 if curve else 0), 8))
    if not details and len(texts) > 2:
        texts = [texts[0], fit(" ".join(texts[1:]), max(width - column - 4, 8), text_styles)]
    lines = []
    for number, text in enumerate(texts):
        sign = text_styles.signs.levels[row.level] if number == 0 else " "
        left = Content.assemble(
            text_styles.ink(f"  {sign} ", style),
            text_styles.ink(label if number == 0 else " " * column, style or FAINT),
            text_styles.ink(text, "" if style else FAINT),
        )
        lines.append(edges(left, text_styles.ink(curve if number == 0 else "", FAINT), width))
    if details:
        lines += use_lines(row, width, text_styles, indent=column + 4)
    if details and row.detail:
        lines += labelled("", row.detail, width, text_styles, column=column + 4, style=FAINT)
    return lines


def use_lines(row: Row, width: int, text_styles: TextStyles, *, indent: int) -> list[Content]:
    """A bar of what is used, with marks where it becomes worrying and critical; nothing for other figures."""
    if row.unit != "%" or row.number is None or not row.limits or width - indent < _BAR // 4:
        return []
    marks, style = [limit / 100 for limit in row.limits], LEVEL_STYLES[row.level] or WELL
    bar = text_styles.use_bar(row.number / 100, marks, min(width - indent, _BAR), style)
    return [Content.assemble(" " * indent, bar)]
