"""Draws small charts as SVG without styles, scripts or outside resources; the page around them has the colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

from midwatch.system.sanitize import safe_text

WIDTH = 960
_AXIS = 34
_TICKS = 8
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time from left to right, in UTC."""

    first: datetime
    last: datetime
    left: float
    right: float

    def x(self, at: datetime) -> float:
        """The place of a moment; what is outside is at the border."""
        whole = max(1e-6, (self.last - self.first).total_seconds())
        share = min(1.0, max(0.0, (at - self.first).total_seconds() / whole))
        return round(self.left + share * (self.right - self.left), 1)

    def drawn(self, top: float, bottom: float) -> Iterator[str]:
        """Lines and times below the chart."""
        step, seen = self._step(), ""
        start = self.first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        begin = int((self.first - start).total_seconds() // step + 1) * step
        for offset in range(begin, int((self.last - start).total_seconds()) + 1, step):
            at = start + timedelta(seconds=offset)
            day = f"{at:%Y-%m-%d}"
            yield line(self.x(at), top, self.x(at), bottom, "grid")
            yield words(self.x(at), bottom + 16, f"{at:%H:%M}" if step >= 60 else f"{at:%H:%M:%S}", anchor="middle")
            if day != seen:
                yield words(self.x(at), bottom + 31, f"{day} UTC", anchor="middle", kind="faint")
            seen = day

    def _step(self) -> int:
        span = (self.last - self.first).total_seconds()
        fits = (step for step in _STEPS_S if span / step <= _TICKS)
        return next(fits, int(span // (_TICKS * _DAY_S) + 1) * _DAY_S)


def picture(title: str, height: float, parts: Iterable[str]) -> str:
    """The whole picture; `title` is read aloud in its place."""
    label = escape(safe_text(title), quote=True)
    body = "".join(parts)
    box = f'viewBox="0 0 {WIDTH} {height + _AXIS:g}"'
    return f'<svg {box} role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">{body}</svg>'


def words(x: float, y: float, foreign: str, *, anchor: str = "start", kind: str = "") -> str:
    """Text; `kind` is its class."""
    shown = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{shown}>{escape(safe_text(foreign))}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A bar."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{kind}"/>'


def path(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A line through these points that keeps each height until the next point."""
    found = ""
    for x, y in points:
        found += f"H{x:g}V{y:g}" if found else f"M{x:g} {y:g}"
    return f'<path d="{found}" class="{kind}"/>'


def mark(x: float, y: float, number: int) -> str:
    """A small mark of one of four forms, so that lines are told apart without colour."""
    match number % 4:
        case 0:
            return f'<circle cx="{x:g}" cy="{y:g}" r="3.5" class="mark"/>'
        case 1:
            return f'<rect x="{x - 3.2:g}" y="{y - 3.2:g}" width="6.4" height="6.4" class="mark"/>'
        case 2:
            return f'<path d="M{x:g} {y - 4.5:g}l4.2 7.5h-8.4z" class="mark"/>'
        case _:
            return f'<path d="M{x:g} {y - 4.5:g}l4.5 4.5l-4.5 4.5l-4.5 -4.5z" class="mark"/>'
