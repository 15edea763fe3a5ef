"""How far a step is: a bar, what is left, and how much it writes."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from midwatch.units import duration, size
from screens.widgets.pen import CHOSEN, FAINT, Pen


@dataclass(frozen=True, slots=True)
class Advance:
    """What the step last told of itself, and the bytes of its output."""

    done: float | None = None
    total: float | None = None
    output: int = 0


def progress_lines(advance: Advance, seconds: float, width: int, pen: Pen) -> list[Content]:
    """A bar where the step tells its total; nothing is made up where it does not."""
    lines: list[Content] = []
    written = f"output {size(advance.output)}" if advance.output else ""
    if advance.done is not None and advance.total:
        share = min(max(advance.done / advance.total, 0.0), 1.0)
        cells = max(width - 8, 10)
        full = int(share * cells)
        lines.append(
            Content.assemble(
                pen.ink(pen.signs.full * full, CHOSEN),
                pen.ink(pen.signs.empty * (cells - full), FAINT),
                f" {int(share * 100):3} %",
            )
        )
        if seconds >= 3 and 0.02 <= share < 1:
            left = duration(seconds / share * (1 - share))
            lines.append(pen.ink(f"about {left} left" + (f", {written}" if written else ""), FAINT))
            return lines
    elif advance.done is not None:
        written = f"{advance.done:,.0f} so far".replace(",", " ") + (f", {written}" if written else "")
    if written:
        lines.append(pen.ink(written, FAINT))
    return lines
