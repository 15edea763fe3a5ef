"""The output of a step, followed through its file: only the lines in view are ever read or drawn."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from pathlib import Path

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from midwatch.output.index import OutputIndex
from midwatch.output.timestamps import Timestamps
from screens.widgets.styles import CHOSEN, FAINT, SOON, WELL, WRONG, TextStyles

_MARKS = (
    (re.compile(r"^\W{0,2}(?:\S+ \S+ )?\[?(?:ERROR|FAILURE|FATAL|CRITICAL)\b|^midwatch: |Traceback"), WRONG),
    (re.compile(r"\[(?:EMERGENCY|WARNING|ALERT)\]|^(?:WARNING|warning):"), SOON),
    (re.compile(r"^\[OK\]"), WELL),
)
_FASTEST = 0.1
"""Seconds between two looks at the file."""
_SENT, _BESIDE = 28_000, 240
"""Bytes a second that a flood of output may send: a large terminal is drawn less often. A line costs its cells and about so
many bytes beside them, for colours, places and the bar."""
_WIDEST = 4096
_TIME = 9
"""Cells of a time and a blank."""


class OutputView(ScrollView, can_focus=True):
    """Follows a growing file. Scrolling up stops the following; `End` takes it up again."""

    DEFAULT_CSS = """
    OutputView {
        scrollbar-color: $edge;
        scrollbar-color-hover: $faint;
        scrollbar-color-active: $faint;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-size: 1 1;
        scrollbar-gutter: stable;
        overflow-x: hidden;
        overflow-y: auto;
    }
    """
    following: reactive[bool] = reactive(True)

    def __init__(self, text_styles: TextStyles, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pen = text_styles
        self._spool: OutputIndex | None = None
        self._window: tuple[int, list[str]] = (0, [])
        self._rows: list[Content] | None = None
        self._rows_from = 0
        self._times: Timestamps | None = None
        self._began: datetime | None = None
        self.with_times = self.wrapped = False
        self._term = ""
        self._found: int | None = None
        self._not_before = 0.0
        """When the next look may be, of the monotonic clock."""

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
        """Show this file from now on; None shows nothing. With its timing and the step's start lines can have their time."""
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
            height = self.scrollable_content_region.height
            self.scroll_to(y=max(line - height // 2, 0), animate=False, force=True, immediate=True)
        self._forget()
        self.refresh()

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
        self._again()

    def _again(self) -> None:
        self._look(again=True)
        self.refresh()

    def _look(self, *, again: bool = False) -> None:
        """Take in what has come; a screen that is not shown does not."""
        if self._spool is None:
            self.virtual_size = Size(self.size.width, 0)
            self.refresh()
            return
        if not again and (not self.is_on_screen or time.monotonic() < self._not_before):
            return
        if self._spool.refresh() or again:
            self._not_before = time.monotonic() + self.size.height * (self.size.width + _BESIDE) / _SENT
            self._forget()
            if self._times is not None and self.with_times:
                self._times.refresh()
            region = (
                self.scrollable_content_region
            )  # a wrapped line is one step of scrolling too: the last may come to the top
            more = max(region.height - 1, 0) if self.wrapped and self._spool.line_count else 0
            self.virtual_size = Size(region.width, self._spool.line_count + more)
            if self.following:
                self._to_end()
            self.refresh()

    def _to_end(self) -> None:
        if self._spool is not None:
            height, count = self.scrollable_content_region.height, self._spool.line_count
            top = max(count - height, 0)
            if self.wrapped:
                rows = 0
                for line in range(count - 1, top - 1, -1):
                    rows += len(self._broken(line))
                    if rows > height:
                        top = min(line + 1, count - 1)
                        break
            self.scroll_to(
                y=top, animate=False, force=True, immediate=True
            )  # before the first lines have brought a scroll bar

    def on_resize(self) -> None:
        self._forget()
        if self.following:
            self.call_after_refresh(self._to_end)

    def action_scroll_up(self) -> None:
        self.following = False
        super().action_scroll_up()

    def action_page_up(self) -> None:
        self.following = False
        super().action_page_up()

    def action_scroll_home(self) -> None:
        self.following = False
        super().action_scroll_home()

    def action_scroll_end(self) -> None:
        self.following = True
        self._to_end()

    def on_mouse_scroll_up(self) -> None:
        self.following = False

    def _line(self, index: int) -> str | None:
        if self._spool is None:
            return None
        start, lines = self._window
        if not start <= index < start + len(lines):
            start = max(index - 4, 0)
            lines = self._spool.lines(start, self.size.height + 8)
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
        width = max(self.scrollable_content_region.width, 1)
        if not self.with_times:
            return self.content(index).wrap(width) or [Content("")]
        pieces = self.content(index).wrap(max(width - _TIME, 1)) or [Content("")]
        return [Content.assemble(self._time(index) if n == 0 else " " * _TIME, piece) for n, piece in enumerate(pieces)]

    def _row(self, y: int) -> Content:
        """What stands in one row of the view."""
        top = int(self.scroll_offset.y)
        if not self.wrapped:
            content = self.content(top + y)
            there = self.with_times and self._spool is not None and top + y < self._spool.line_count
            return Content.assemble(self._time(top + y), content) if there else content
        if self._rows is None or self._rows_from != top:
            self._rows, self._rows_from, line = [], top, top
            while self._spool is not None and len(self._rows) < self.size.height and line < self._spool.line_count:
                self._rows += self._broken(line)
                line += 1
        return self._rows[y] if y < len(self._rows) else Content("")

    def content(self, index: int) -> Content:
        """One line of the output, safe to show; empty when there is none."""
        raw = self._line(index)
        if raw is None:
            return Content("")
        text = self._pen.clean(raw[:_WIDEST])
        style = next((style for mark, style in _MARKS if mark.search(text)), "")
        content = self._pen.ink(text, style)
        if self._term:
            flags = re.NOFLAG if self._term.lower() != self._term else re.I
            for match in re.finditer(re.escape(self._term), text, flags):
                content = content.stylize(
                    self._pen.style(f"reverse {CHOSEN}" if index == self._found else "reverse"),
                    match.start(),
                    match.end(),
                )
        return content

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
