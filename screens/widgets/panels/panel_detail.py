"""A panel on a page of its own: each row with everything that is known of it, and its figure over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from textual.content import Content

from midwatch.api.probe import Level, Row
from midwatch.system.units import figure, percent, size
from screens.widgets.panels.braille_plot import Frame, plot_lines
from screens.widgets.panels.panel_lines import age_of, use_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.panels.panel_summary import counts
from screens.widgets.styles import FAINT, LEVEL_STYLES, LEVEL_WORDS, SOON, STRONG, TextStyles
from screens.widgets.text_layout import edges, labelled, paragraph
from screens.widgets.time_labels import age

_STEADY = 0.001
"""The share of itself within which a figure has not moved: a plot of it would say less than a word."""
_COLUMN = 14
"""Cells of the labels at least: those of the past, which the probe or the screen adds, stand in the same column."""
_PLOT = (8, 100)
"""Rows of a plot, and cells at most."""


def panel_detail_lines(panel: PanelState, now: datetime, width: int, text_styles: TextStyles) -> list[Content]:
    """Everything that a panel knows. Behind an error stands the last good reading, with its age, and never as
    current."""
    lines = [edges(text_styles.ink(panel.title, STRONG), age_of(panel, now, text_styles), width)]
    reading = panel.reading
    if reading is None:
        return [*lines, text_styles.ink("  no reading yet", FAINT)]
    if reading.error or panel.late(now):
        words = reading.error or f"no answer since {age(reading.at, now)}"
        lines += labelled(
            f" {text_styles.signs.levels[Level.UNKNOWN]} ", words, width, text_styles, column=3, style=SOON
        )
        if panel.good is None:
            return lines
        lines += [Content(""), text_styles.ink(f"The last good reading, {age(panel.good.at, now)}", STRONG)]
        reading = panel.good
    if reading.level is not Level.OK:
        lines.append(Content.assemble(" ", counts((row.level for row in reading.rows), text_styles)))
    for row in sorted(reading.rows, key=lambda row: -row.level.rank):
        lines += [Content(""), *_row(panel, row, width, text_styles)]
    return lines


def _row(panel: PanelState, row: Row, width: int, text_styles: TextStyles) -> list[Content]:
    style = LEVEL_STYLES[row.level]
    head = Content.assemble(
        text_styles.ink(f" {text_styles.signs.levels[row.level]} ", style), text_styles.ink(row.label, style or STRONG)
    )
    lines = [edges(head, text_styles.ink(LEVEL_WORDS[row.level], style or FAINT), width)]
    lines += paragraph(row.text, width, text_styles, indent=3)
    lines += use_lines(row, width, text_styles, indent=3)
    column = min(max(_COLUMN, *(len(label) + 5 for label, _ in row.facts)), 20) if row.facts else _COLUMN
    for label, text in row.facts:
        lines += labelled(f"   {text_styles.clean(label)}", text, width, text_styles, column=column)
    if row.detail and not row.facts:
        lines += paragraph(row.detail, width, text_styles, style=FAINT, indent=3)
    return [*lines, *_sizes(row, column, width, text_styles), *_plot(panel, row, column, width, text_styles)]


def _sizes(row: Row, column: int, width: int, text_styles: TextStyles) -> list[Content]:
    """The past that the probe itself knows, such as the sizes of a database's backups."""
    if len(row.series) < 2:
        return []
    curve = text_styles.spark(list(row.series[-min(width - 24, 60) :]))
    words = f"{size(row.series[0])} {text_styles.signs.arrow} {size(row.series[-1])}, {len(row.series)} of them"
    return labelled("   sizes", f"{curve} {words}".strip(), width, text_styles, column=column, style=FAINT)


def _plot(panel: PanelState, row: Row, column: int, width: int, text_styles: TextStyles) -> list[Content]:
    history = panel.history.get(row.label)
    if history is None or len(history.points) < 2:
        return []
    history = history.still
    values, show = [value for _, value in history.points], _shown(history.unit)
    if max(values) - min(values) <= abs(max(values)) * _STEADY:
        unit = f" {history.unit}" if history.unit not in ("%", "B", "s", "") else ""
        words = f"{show(values[-1])}{unit}, steady since {history.points[0][0]:%H:%M:%S} UTC"
        return labelled("   history", words, width, text_styles, column=column, style=FAINT)
    limits = row.limits if row.curve is None else ()
    frame = Frame(min(width - 3, _PLOT[1]), _PLOT[0], show, limits, floor=0.0)
    return [Content(""), *(Content.assemble("   ", line) for line in plot_lines(history.points, frame, text_styles))]


def _shown(unit: str) -> Callable[[float], str]:
    """How a figure in this unit is written beside a scale: shares finer than elsewhere, since a plot shows small
    changes."""
    found: dict[str, Callable[[float], str]] = {
        "%": lambda value: percent(value) if abs(value - round(value)) < 0.05 else f"{value:.1f} %",
        "B": size,
        "s": lambda value: figure(value, "s"),
    }
    return found.get(unit, lambda value: f"{value:.1f}".removesuffix(".0"))
