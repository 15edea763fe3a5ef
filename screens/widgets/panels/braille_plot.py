"""A figure over time as a plot of characters: braille dots, eight to a cell; stars in ASCII."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from screens.widgets.styles import CHOSEN, FAINT, SOON, WRONG, TextStyles

_LARGEST = 1e15
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a cell, by row and column."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a plot is laid out."""

    width: int
    """Cells in all, the scale at the left edge with them."""
    height: int
    """Rows of the curve; two more are the time axis."""
    show: Callable[[float], str]
    """How a value is written at the scale."""
    limits: tuple[float, ...] = ()
    """Values at which a faint line is drawn: warning, critical."""
    floor: float | None = None
    """What the figure can never be below."""


def plot_lines(points: Sequence[tuple[datetime, float]], frame: Frame, text_styles: TextStyles) -> list[Content]:
    """The curve between its lowest and highest value, with a scale and the times of both ends; nothing for one
    point."""
    finite = sorted((at, value) for at, value in points if math.isfinite(value) and abs(value) < _LARGEST)
    if len(finite) < 2 or frame.width < 24 or frame.height < 2:
        return []
    low, high = _range([value for _, value in finite], frame)
    labels = [frame.show(high - (high - low) * row / (frame.height - 1)) for row in range(frame.height)]
    column = max(map(len, labels)) + 1
    cells = frame.width - column - 1
    canvas = _canvas(finite, low, high, cells, frame.height, text_styles)
    edge, corner = ("|", "+") if text_styles.ascii else ("┤", "└")
    lines = []
    for row in range(frame.height):
        label = labels[row] if row in (0, frame.height - 1) or (row == frame.height // 2 and frame.height > 4) else ""
        limit = _limit_in(row, low, high, frame)
        body = [
            text_styles.ink(sign, CHOSEN)
            if sign != " "
            else text_styles.ink(text_styles.signs.empty, _LIMIT_STYLES[limit])
            if limit >= 0
            else " "
            for sign in canvas[row]
        ]
        lines.append(Content.assemble(text_styles.ink(f"{label:>{column}}{edge}", FAINT), *body))
    begin, end = _clock(finite[0][0], finite), _clock(finite[-1][0], finite)
    lines.append(text_styles.ink(f"{'':{column}}{corner}{text_styles.signs.empty * cells}", FAINT))
    times = f"{begin}{end:>{cells - len(begin)}}" if cells > len(begin) + len(end) else f"{end[:cells]:>{cells}}"
    lines.append(text_styles.ink(f"{'':{column + 1}}{times}", FAINT))
    return lines


_LIMIT_STYLES = (SOON, WRONG)


def _range(values: Sequence[float], frame: Frame) -> tuple[float, float]:
    """The lowest and highest value with a margin; a limit that is near belongs to the picture."""
    low, high = min(values), max(values)
    spread = max(high - low, abs(high) * 0.02, 1e-9)
    for limit in frame.limits:
        if low - spread * 0.5 <= limit <= high + spread * 0.5:
            low, high = min(low, limit), max(high, limit)
    margin = max((high - low) * 0.08, spread * 0.08)
    low, high = low - margin, high + margin
    return (max(low, frame.floor) if frame.floor is not None and min(values) >= frame.floor else low), high


def _canvas(
    points: Sequence[tuple[datetime, float]], low: float, high: float, cells: int, height: int, text_styles: TextStyles
) -> list[list[str]]:
    """The curve as rows of signs. Between two readings it is drawn straight."""
    across, down = (1, 1) if text_styles.ascii else (2, 4)
    columns, rows = cells * across, height * down
    begin, end = points[0][0].timestamp(), points[-1][0].timestamp()
    span = max(end - begin, 1e-9)
    dots = [
        ((at.timestamp() - begin) / span * (columns - 1), (high - value) / (high - low) * (rows - 1))
        for at, value in points
    ]
    bits = [[0] * cells for _ in range(height)]
    for (x0, y0), (x1, y1) in itertools.pairwise(dots):
        steps = max(int(max(abs(x1 - x0), abs(y1 - y0))), 1)
        for step in range(steps + 1):
            x, y = round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)
            bits[y // down][x // across] |= _DOTS[y % down][x % across]
    return [["*" if text_styles.ascii and bit else chr(_BRAILLE + bit) if bit else " " for bit in row] for row in bits]


def _limit_in(row: int, low: float, high: float, frame: Frame) -> int:
    """Which limit's line runs through this row; -1 for none."""
    for number, limit in enumerate(frame.limits[:2]):
        if low < limit < high and round((high - limit) / (high - low) * (frame.height - 1)) == row:
            return number
    return -1


def _clock(at: datetime, points: Sequence[tuple[datetime, float]]) -> str:
    long = (points[-1][0] - points[0][0]).total_seconds() >= 86400
    return f"{at:%m-%d %H:%M}" if long else f"{at:%H:%M:%S}"
