"""A whole screen of lines to read: a step in detail, a panel with all its figures, all keys, the timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from screens.keys.keymaps import PAGE
from screens.widgets.base_screen import BaseScreen
from screens.widgets.key_bindings import bindings, help_word, key_lines, there
from screens.widgets.line_view import LineView
from screens.widgets.status_line import StatusLine
from screens.widgets.styles import FAINT, STRONG, TextStyles
from screens.widgets.text_layout import edges

WIDEST = 120
"""Cells of the longest line: further apart, a name and what stands at the right edge are not read as one row."""
Lines = Callable[[int], list[Content]]


class Page(BaseScreen[None]):
    """Lines made for the width, made again once a second, so that what is live stays live."""

    DEFAULT_CSS = """
    Page #top { dock: top; background: $surface; padding: 0 1; }
    Page #bottom { dock: bottom; background: $surface; padding: 0 1; }
    Page #lines {
        padding: 0 1; height: 1fr;
        scrollbar-color: $edge; scrollbar-color-hover: $faint; scrollbar-color-active: $faint;
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", show=False),
        Binding("f1", "help", show=False),
        *bindings(PAGE),
    ]

    hint = "Esc back   PgUp PgDn scroll"
    """The keys, for the last line."""
    moves: Sequence[tuple[str, str]] = (
        ("PgUp PgDn", "A page up, a page down"),
        ("Esc", "Back"),
    )

    def __init__(
        self, text_styles: TextStyles, title: str, lines: Lines, *, at_end: bool = False, can_help: bool = True
    ) -> None:
        super().__init__()
        self.text_styles, self._title, self._lines, self._at_end, self.can_help = (
            text_styles,
            title,
            lines,
            at_end,
            can_help,
        )

    def compose(self) -> ComposeResult:
        yield StatusLine(id="top")
        yield LineView(id="lines")
        yield StatusLine(id="bottom")

    def on_mount(self) -> None:
        self.set_interval(1, self.draw)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.draw()
        if self._at_end:
            self.query_one(LineView).scroll_end(animate=False, immediate=True)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Make the lines for the width of now."""
        sheet = self.query_one(LineView)
        sheet.show(self._lines(min(sheet.room, WIDEST)))
        width = max(self.app.size.width - 2, 1)
        self.query_one("#top", StatusLine).show(self.text_styles.ink(self._title, STRONG))
        at, height = int(sheet.scroll_offset.y), sheet.size.height
        where = f"{min(at + height, len(sheet.lines))} of {len(sheet.lines)} lines" if len(sheet.lines) > height else ""
        help_ = help_word(self, PAGE, self.text_styles) if self.can_help else Content("")
        right = Content.assemble(self.text_styles.ink(where, FAINT), "   " if where and help_ else "", help_)
        self.query_one("#bottom", StatusLine).show(edges(self.text_styles.ink(self.hint, FAINT), right, width))

    def action_help(self) -> None:
        """The keys of a page, on one more page; that one has no further."""
        now = there(self, PAGE)
        self.app.push_screen(
            Page(
                self.text_styles,
                "Keys",
                lambda width: key_lines(now, self.moves, width, self.text_styles),
                can_help=False,
            )
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.can_help if action == "help" else True

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_ends(self, end: int) -> None:
        sheet = self.query_one(LineView)
        (sheet.scroll_end if end else sheet.scroll_home)(animate=False)

    def action_scroll(self, step: int) -> None:
        self.query_one(LineView).scroll_relative(y=step, animate=False)
