"""Counts the cells of text as terminals count them: sign by sign.

Rich (checked with 15.0), and so Textual, counts the cells of a cluster as a font would draw it: a heart with U+FE0F
takes two, a family of four that is joined takes two. Most terminals, tmux among them, count each sign by itself. Where
the two differ, all that follows on the line stands elsewhere than Textual believes, and cells stay behind when it is
redrawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from unicodedata import category

import rich.cells
from rich.cells import CellTable, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from screens.widgets.styles import JOINING

_UNICODE = "15.0.0"
"""The version whose widths terminals have; later ones made signs wide that had been narrow for decades."""
_load: Callable[[str], CellTable] = vars(rich.cells)["load_cell_table"]


def count_sign_by_sign() -> None:
    """Have Rich count so from now on."""
    vars(rich.cells)["load_cell_table"] = lambda unicode_version="auto": _table()
    rich.cells.get_character_cell_size.cache_clear()
    rich.cells.cached_cell_len.cache_clear()


@cache
def _table() -> CellTable:
    return CellTable(_UNICODE, tuple(_widths()), frozenset())


def _widths() -> Iterator[tuple[int, int, int]]:
    """Rich's widths, but a spacing mark (the vowel signs of Indic scripts) takes a cell."""
    for first, last, width in _load(_UNICODE).widths:
        begin = first
        if width == 0:
            for code in range(first, last + 1):
                if category(chr(code)) == "Mc":
                    if begin < code:
                        yield begin, code - 1, 0
                    begin = code + 1
        if begin <= last:
            yield begin, last, width


class SingleSigns(LineFilter):
    """The last net, for what was typed: no sign reaches the terminal that would change the width of the one before
    it."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Take such signs out, and keep the cells of the segment."""
        return [
            segment
            if segment.text.isascii() or not JOINING.search(segment.text)
            else Segment(
                set_cell_size(JOINING.sub("", segment.text), segment.cell_length), segment.style, segment.control
            )
            for segment in segments
        ]
