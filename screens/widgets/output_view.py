"""The output of a step, followed through its file: only the lines in view are ever read or drawn."""

from __future__ import annotations

import re
from pathlib import Path

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from midwatch.spool import Spool
from screens.widgets.pen import CHOSEN, SOON, WELL, WRONG, Pen

_MARKS = (
    (re.compile(r"^\W{0,2}(?:\S+ \S+ )?\[?(?:ERROR|FAILURE|FATAL|CRITICAL)\b|^midwatch: |Traceback"), WRONG),
    (re.compile(r"\[(?:EMERGENCY|WARNING|ALERT)\]|^(?:WARNING|warning):"), SOON),
    (re.compile(r"^\[OK\]"), WELL),
)
_FASTEST = 0.1
"""Seconds between two looks at the file."""
_WIDEST = 4096


class OutputView(ScrollView, can_focus=True):
    """Follows a growing file. Scrolling up stops the following; `End` takes it up again."""

    DEFAULT_CSS = """
    OutputView {
        scrollbar-size: 1 1;
        scrollbar-gutter: stable;
        overflow-x: hidden;
        overflow-y: auto;
    }
    """
    following: reactive[bool] = reactive(True)

    def __init__(self, pen: Pen, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pen = pen
        self._spool: Spool | None = None
        self._window: tuple[int, list[str]] = (0, [])
        self._term = ""
        self._found: int | None = None

    @property
    def spool(self) -> Spool | None:
        return self._spool

    @property
    def found(self) -> int | None:
        """The line that the last search found."""
        return self._found

    def on_mount(self) -> None:
        self.set_interval(_FASTEST, self._look)

    def follow(self, path: Path | None) -> None:
        """Show this file from now on; None shows nothing."""
        if (self._spool.path if self._spool else None) == path:
            return
        if self._spool is not None:
            self._spool.close()
        self._spool = Spool(path) if path is not None else None
        self._window, self._term, self._found = (0, []), "", None
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
            self.scroll_to(y=max(line - height // 2, 0), animate=False, immediate=True)
        self._window = (0, [])
        self.refresh()

    def _look(self, *, again: bool = False) -> None:
        """Take in what has come; a screen that is not shown does not."""
        if self._spool is None:
            self.virtual_size = Size(self.size.width, 0)
            self.refresh()
            return
        if not self.is_on_screen and not again:
            return
        if self._spool.refresh() or again:
            self._window = (0, [])
            self.virtual_size = Size(self.scrollable_content_region.width, self._spool.line_count)
            if self.following:
                self._to_end()
            self.refresh()

    def _to_end(self) -> None:
        if self._spool is not None:
            end = self._spool.line_count - self.scrollable_content_region.height
            self.scroll_to(y=max(end, 0), animate=False, immediate=True)

    def on_resize(self) -> None:
        self._window = (0, [])
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
                    self._pen.style(f"reverse {CHOSEN}" if index == self._found else "reverse"), match.start(), match.end()
                )
        return content

    def render_line(self, y: int) -> Strip:
        """One line of what is in view."""
        width = max(self.scrollable_content_region.width, 1)
        content = self.content(y + int(self.scroll_offset.y))
        base = self.visual_style
        if not content:
            return Strip.blank(width, base.rich_style)
        content = content.truncate(width, ellipsis=not self._pen.ascii)
        return Visual.to_strips(self, content, width, 1, base, apply_selection=False)[0].adjust_cell_length(
            width, base.rich_style
        )
