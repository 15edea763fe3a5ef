"""Lines of content that scroll. Only lines that changed are sent to the terminal: the line may be slow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

SCROLLING = """
scrollbar-color: $edge;
scrollbar-color-hover: $faint;
scrollbar-color-active: $faint;
scrollbar-background: $background;
scrollbar-background-hover: $background;
scrollbar-background-active: $background;
scrollbar-size: 1 1;
scrollbar-gutter: stable;
overflow-x: hidden;
"""
"""How what scrolls here looks."""


class LineView(ScrollView, can_focus=True):
    """Shows lines that somebody else made for its width."""

    DEFAULT_CSS = f"LineView {{ {SCROLLING} }}"

    class Clicked(Message):
        """A line was clicked."""

        def __init__(self, view: LineView, line: int, cell: int) -> None:
            super().__init__()
            self.view, self.line, self.cell = view, line, cell

    def __init__(self, *, id: str | None = None, classes: str | None = None, focus: bool = True) -> None:
        super().__init__(id=id, classes=classes)
        self.can_focus = focus
        self.lines: list[Content] = []

    @property
    def room(self) -> int:
        """Cells of a line."""
        return max(self.scrollable_content_region.width, 1)

    def show(self, lines: Sequence[Content]) -> None:
        """Replace the lines; those that stay the same are not drawn again."""
        old, self.lines = self.lines, list(lines)
        if len(old) != len(self.lines):
            self.virtual_size = Size(self.room, len(self.lines))
            self.refresh()
            return
        top = int(self.scroll_offset.y)
        in_view = slice(top, top + self.size.height)
        for y, (before, after) in enumerate(zip(old[in_view], self.lines[in_view], strict=True)):
            if not before.is_same(after):
                self.refresh(Region(0, y, self.size.width, 1))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and 0 <= (line := at.y + int(self.scroll_offset.y)) < len(self.lines):
            self.post_message(self.Clicked(self, line, at.x))

    def reveal(self, first: int, last: int) -> None:
        """Scroll as little as needed to have these lines in view."""
        top, height = int(self.scroll_offset.y), self.scrollable_content_region.height
        if first < top:
            self.scroll_to(y=first, animate=False, immediate=True)
        elif last >= top + height:
            self.scroll_to(y=last - height + 1, animate=False, immediate=True)

    def reveal_block(self, sizes: Sequence[int], number: int) -> None:
        """Have the block of this number in view; `sizes` are the numbers of lines of all blocks."""
        self.reveal(sum(sizes[:number]), sum(sizes[: number + 1]) - 1)

    def render_line(self, y: int) -> Strip:
        """One line of what is in view."""
        width, index = self.room, y + int(self.scroll_offset.y)
        if not 0 <= index < len(self.lines):
            return Strip.blank(width, self.visual_style.rich_style)
        strips = Visual.to_strips(self, self.lines[index], width, 1, self.visual_style, apply_selection=False)
        return strips[0].adjust_cell_length(width, self.visual_style.rich_style)

    def plain(self) -> str:
        """What stands here, as text."""
        return "\n".join(line.plain for line in self.lines)


def block_of_line(sizes: Sequence[int], line: int) -> int | None:
    """The number of the block that has this line, where blocks of these sizes follow one another; None below them."""
    return next((number for number, end in enumerate(itertools.accumulate(sizes)) if line < end), None)
