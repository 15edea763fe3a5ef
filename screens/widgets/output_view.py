"""The output of a step, followed through its file: only the lines in view are ever read or drawn."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.events import MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from midwatch.output.index import OutputIndex
from midwatch.output.timestamps import Timestamps
from screens.widgets.held_keys import HeldKeys
from screens.widgets.line_view import SCROLLING
from screens.widgets.output_line import matches, styled_line
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.wrapped_rows import Position, WrappedRows

_FASTEST = 0.1
"""Seconds between two looks at the file."""
_SENT, _BESIDE = 28_000, 240
"""Bytes a second that a flood of output may send: a large terminal is drawn less often. A line costs its cells and
about so many bytes beside them, for colours, places and the bar."""
_ANSWERED_S, _WAITS_S = 0.1, 0.5
"""For how long after a key no output is taken in, and for how long none may be in all."""
_WIDEST = 4096
"""Characters of a line that is cut off at the edge of the view; the cells there are fewer."""
_LONGEST_BYTES = 64 * 1024
_TIME = 9
"""Cells of a time and a blank."""


class OutputView(ScrollView, can_focus=True):
    """Follows a growing file. Scrolling up stops the following; `End` takes it up again."""

    DEFAULT_CSS = f"OutputView {{ {SCROLLING} overflow-y: auto; }}"
    following: reactive[bool] = reactive(True)

    def __init__(self, text_styles: TextStyles, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pen = text_styles
        self._spool: OutputIndex | None = None
        self._window: tuple[int, list[str]] = (0, [])
        self._rows: WrappedRows | None = None
        self._row_of_top = self._left = 0
        """The row of the line at the top from which a wrapped view shows it; the first cell that another view shows."""
        self._times: Timestamps | None = None
        self._began: datetime | None = None
        self.with_times, self.wrapped = False, True
        self._term = ""
        self._found: int | None = None
        self._looked = self._not_before = 0.0
        """When the last look was and when the next one may be, of the monotonic clock."""

    @property
    def output_index(self) -> OutputIndex | None:
        return self._spool

    @property
    def found(self) -> int | None:
        """The line that the last search found."""
        return self._found

    def on_mount(self) -> None:
        self.set_interval(_FASTEST, self._look)

    def follow(self, path: Path | None, timing: Path | None = None, began: datetime | None = None) -> None:
        """Show this file from now on; None shows nothing. With its timing and the step's start lines can have their
        time."""
        self._began = began
        if (self._spool.path if self._spool else None) == path:
            return
        if self._spool is not None:
            self._spool.close()
        self._spool = OutputIndex(path) if path is not None else None
        self._times = Timestamps(timing) if timing is not None else None
        self._term, self._found = "", None
        self._forget()
        self.following = True
        self.scroll_to(y=0, animate=False, immediate=True)
        self._look(again=True)

    def pause(self) -> None:
        """Stop following, or take it up again."""
        self.following = not self.following
        if self.following:
            self._to_end()

    def mark(self, term: str, line: int | None) -> None:
        """Show where a search has come to."""
        self._term, self._found = term, line
        if line is not None:
            self.following = False
            self._forget()
            self._bring_into_view(line)
        self._forget()
        self.refresh()

    def _bring_into_view(self, line: int) -> None:
        """Show the first match of a line, whatever row or cell of the line holds it."""
        text, region = self.content(line).plain, self.scrollable_content_region
        found = matches(self._term, text)
        first, last = found[0].span() if found else (0, 0)
        if self.wrapped:
            rows = self._wrapped().of(line)
            row = next((n for n, piece in enumerate(rows) if matches(self._term, piece.plain)), 0)
            self._show_from(self._wrapped().moved((line, row), -(region.height // 2), region.height))
            return
        before, until = (cell_len(text[:end]) for end in (first, last))
        width = region.width - self._margin
        if until <= width:
            self._left = 0
        elif before < self._left or until > self._left + width:
            self._left = max(before - width // 3, 0)
        self.scroll_to(y=max(line - region.height // 2, 0), animate=False, force=True, immediate=True)

    def _forget(self) -> None:
        """What was read of the file no longer counts."""
        self._window, self._rows = (0, []), None

    def show_times(self, shown: bool) -> None:
        """Put before each line when it came, or no longer."""
        self.with_times = shown
        self._again()

    def wrap_lines(self, wrapped: bool) -> None:
        """Break lines that are too long, or cut them off again."""
        self.wrapped = wrapped
        self._row_of_top = self._left = 0
        self._forget()
        self._again()

    def _again(self) -> None:
        self._look(again=True)
        self.refresh()

    def _look(self, *, again: bool = False) -> None:
        """Take in what has come; a screen that is not shown does not."""
        if self._spool is None:
            if again:  # drawn at each look, a still screen would never rest
                self.virtual_size = Size(self.size.width, 0)
                self.refresh()
            return
        if not again and (not self.is_on_screen or time.monotonic() < self._not_before):
            return
        if not again and self._gives_way():
            return
        self._looked = time.monotonic()
        if self._spool.refresh() or again:
            self._not_before = time.monotonic() + self.size.height * (self.size.width + _BESIDE) / _SENT
            self._forget()
            if self._times is not None and self.with_times:
                self._times.refresh()
            region = (
                self.scrollable_content_region
            )  # a wrapped line is one step of scrolling too: the last may come to the top
            more = max(region.height - 1, 0) if self.wrapped and not self._is_in_view(region.height) else 0
            self.virtual_size = Size(region.width, self._spool.line_count + more)
            if self.following:
                self._to_end()
            self.refresh()

    def _is_in_view(self, height: int) -> bool:
        """Whether all rows of all lines have room."""
        count = self._spool.line_count if self._spool else 0
        return count <= height and sum(len(self._broken(line)) for line in range(count)) <= height

    def _gives_way(self) -> bool:
        """Whether a key was pressed a moment ago: its answer is drawn before output that comes without end."""
        held_keys: HeldKeys | None = getattr(self.app, "held_keys", None)
        return held_keys is not None and held_keys.rested_s < _ANSWERED_S and time.monotonic() - self._looked < _WAITS_S

    def _to_end(self) -> None:
        if self._spool is not None:
            height, count = self.scrollable_content_region.height, self._spool.line_count
            self._show_from(self._wrapped().end(height) if self.wrapped else (max(count - height, 0), 0))

    def _wrapped(self) -> WrappedRows:
        if self._rows is None:
            self._rows = WrappedRows(self._broken, self._spool.line_count if self._spool else 0)
        return self._rows

    def _show_from(self, position: Position) -> None:
        """Have this line, from this row of it on, at the top; also before the first lines have brought a scroll bar."""
        line, row = position
        self.scroll_to(y=line, animate=False, force=True, immediate=True)
        self._row_of_top = row
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Another line at the top is shown from its first row on."""
        if round(old_value) != round(new_value):
            self._row_of_top = 0
        super().watch_scroll_y(old_value, new_value)

    def move(self, rows: int) -> None:
        """Scroll by rows, down or up; up stops the following."""
        self.following = self.following and rows > 0
        if self.wrapped:
            top = int(self.scroll_offset.y), self._row_of_top
            self._show_from(self._wrapped().moved(top, rows, self.scrollable_content_region.height))
        else:
            self.scroll_relative(y=rows, animate=False, immediate=True)

    def _sideways(self, way: int) -> None:
        """Scroll by half of the width, as far as the longest line in view goes; a wrapped view has nothing at its
        sides."""
        if self.wrapped:
            return
        half, top = max(self.scrollable_content_region.width - self._margin, 2) // 2, int(self.scroll_offset.y)
        self._left = max(self._left + way * half, 0)
        longest = max((cell_len(self.content(top + y).plain) for y in range(self.size.height)), default=0)
        self._left = min(self._left, max(longest - half, 0))
        self.refresh()

    @property
    def _margin(self) -> int:
        """Cells before the text."""
        return _TIME if self.with_times else 0

    def on_resize(self) -> None:
        self._forget()
        self.call_after_refresh(self._again)  # how far a wrapped view scrolls depends on its size

    def action_scroll_up(self) -> None:
        self.move(-1)

    def action_scroll_down(self) -> None:
        self.move(1)

    def action_page_up(self) -> None:
        self.move(-self.scrollable_content_region.height)

    def action_page_down(self) -> None:
        self.move(self.scrollable_content_region.height)

    def action_scroll_left(self) -> None:
        self._sideways(-1)

    def action_scroll_right(self) -> None:
        self._sideways(1)

    def action_scroll_home(self) -> None:
        self.following, self._left = False, 0
        self._show_from((0, 0))

    def action_scroll_end(self) -> None:
        self.following = True
        self._to_end()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.prevent_default().stop()
        self.move(-round(self.app.scroll_sensitivity_y))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.prevent_default().stop()
        self.move(round(self.app.scroll_sensitivity_y))

    def _line(self, index: int) -> str | None:
        if self._spool is None:
            return None
        start, lines = self._window
        if not start <= index < start + len(lines):
            start = max(index - 4, 0)
            lines = self._spool.lines(start, self.size.height + 8, longest=_LONGEST_BYTES)
            self._window = (start, lines)
        return lines[index - start] if index - start < len(lines) else None

    def _time(self, index: int) -> Content:
        """When a line came, by the clock; blanks where that is not known."""
        seconds = self._times.at(self._spool.offset_of(index)) if self._times and self._spool else None
        if seconds is None or self._began is None:
            return Content(" " * _TIME)
        return self._pen.ink(f"{self._began + timedelta(seconds=seconds):%H:%M:%S}".ljust(_TIME), FAINT)

    def _broken(self, index: int) -> list[Content]:
        """One line over as many rows as it needs."""
        pieces = self.content(index).wrap(max(self.scrollable_content_region.width - self._margin, 1)) or [Content("")]
        if not self.with_times:
            return pieces
        return [Content.assemble(self._time(index) if n == 0 else " " * _TIME, piece) for n, piece in enumerate(pieces)]

    def _row(self, y: int) -> Content:
        """What stands in one row of the view."""
        top = int(self.scroll_offset.y)
        if self.wrapped:
            rows = self._wrapped().rows((top, self._row_of_top), self.size.height)
            return rows[y] if y < len(rows) else Content("")
        content = self.content(top + y)
        if self._left:
            content = content[len(set_cell_size(content.plain, self._left)) :]
        there = self.with_times and self._spool is not None and top + y < self._spool.line_count
        return Content.assemble(self._time(top + y), content) if there else content

    def content(self, index: int) -> Content:
        """One line of the output, safe to show; empty when there is none."""
        raw = self._line(index)
        if raw is None:
            return Content("")
        found = index == self._found
        whole = self.wrapped or self._left > 0 or found
        return styled_line(raw if whole else raw[:_WIDEST], self._pen, self._term, found=found)

    def render_line(self, y: int) -> Strip:
        """One line of what is in view."""
        width = max(self.scrollable_content_region.width, 1)
        content = self._row(y)
        base = self.visual_style
        if not content:
            return Strip.blank(width, base.rich_style)
        content = content.truncate(width, ellipsis=not self._pen.ascii)
        return Visual.to_strips(self, content, width, 1, base, apply_selection=False)[0].adjust_cell_length(
            width, base.rich_style
        )
