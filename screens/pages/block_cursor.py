"""A cursor on the blocks of a page, such as the incidents of a list: each block has several lines."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from screens.pages.page import WIDEST, Page
from screens.widgets.line_view import LineView, block_of_line


class BlockCursor:
    """Which block is chosen. The page draws the blocks."""

    def __init__(self, page: Page, blocks: Callable[[int], list[list[Content]]], at: int = 0) -> None:
        """`blocks` makes the blocks for a width."""
        self._page, self._blocks, self.at = page, blocks, at

    def lines(self, width: int) -> list[Content]:
        """The lines of all blocks."""
        return [line for lines in self._blocks(width) for line in lines]

    def go_to(self, number: int) -> None:
        """Choose this block, or the nearest one that is there, and show it."""
        sizes = self._sizes()
        self.at = min(max(number, 0), max(len(sizes) - 1, 0))
        self._page.draw()
        self._page.query_one(LineView).reveal_block(self._sizes(), self.at)

    def block_at(self, line: int) -> int:
        """The number of the block that has this line; of the chosen one where none has it."""
        found = block_of_line(self._sizes(), line)
        return self.at if found is None else found

    def _sizes(self) -> list[int]:
        return [len(lines) for lines in self._blocks(min(self._page.query_one(LineView).room, WIDEST))]
