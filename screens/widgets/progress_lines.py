"""How far a step is: a bar, how much of how much, how fast and what is left, and how much it writes."""

from __future__ import annotations

from textual.content import Content

from midwatch.output.progress import Advance
from midwatch.system.units import size
from screens.widgets.styles import CHOSEN, FAINT, SOON, TextStyles


def progress_lines(advance: Advance, width: int, text_styles: TextStyles) -> list[Content]:
    """A bar where the step tells its total; nothing is made up where it does not. A stall is said in its place."""
    lines: list[Content] = []
    share, words = advance.share, advance.words()
    if share is not None:
        cells = max(width - 8, 10)
        full = int(share * cells)
        lines.append(
            Content.assemble(
                text_styles.ink(text_styles.signs.full * full, SOON if advance.stalled else CHOSEN),
                text_styles.ink(text_styles.signs.empty * (cells - full), FAINT),
                f" {int(share * 100):3} %",
            )
        )
    if advance.output:
        words = [*words, f"output {size(advance.output)}"]
    if words:
        lines.append(text_styles.ink(", ".join(words), SOON if advance.stalled else FAINT))
    return lines
