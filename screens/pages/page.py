"""A whole screen of lines to read: a step in detail, a panel with all its figures, all keys, the timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from screens.keys.keymaps import PAGE
from screens.widgets.base_screen import BaseScreen
from screens.widgets.filter_line import FilterLine
from screens.widgets.key import Key
from screens.widgets.key_bindings import bindings, footer, key_lines, there
from screens.widgets.key_line import ClickableLine, KeyLine
from screens.widgets.line_view import LineView
from screens.widgets.output_line import matches
from screens.widgets.styles import CHOSEN, FAINT, STRONG, TextStyles
from screens.widgets.text_layout import fit

WIDEST = 120
"""Cells of the longest line: further apart, a name and what stands at the right edge are not read as one row."""
Lines = Callable[[int], list[Content]]


class Page(BaseScreen[None]):
    """Lines made for the width, made again once a second, so that what is live stays live."""

    DEFAULT_CSS = """
    Page #top { dock: top; background: $surface; padding: 0 1; }
    Page #bottom, Page #filter { dock: bottom; }
    Page #bottom { background: $surface; padding: 0 1; }
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

    AUTO_FOCUS = "#lines"
    keys: Sequence[Key] = PAGE
    """The keys of the registry that the last line and the help show."""
    hints: Sequence[tuple[str, str, str]] = (("PgUp PgDn", "scroll", "turn"),)
    """Keys beside those of the registry for the last line: how they stand there, their words, what a click on them
    does."""
    moves: Sequence[tuple[str, str]] = (
        ("PgUp PgDn", "A page up, a page down"),
        ("Esc", "Back"),
    )

    def __init__(self, text_styles: TextStyles, title: str, lines: Lines, *, can_help: bool = True) -> None:
        super().__init__()
        self.text_styles, self._title, self._lines = text_styles, title, lines
        self.can_help = can_help
        self._term, self._hit = "", -1
        self._hits: list[int] = []
        """The numbers of the lines that hold the term; the search has come to the line `_hit`."""

    def compose(self) -> ComposeResult:
        yield KeyLine(id="top")
        yield LineView(id="lines")
        yield FilterLine(id="filter", placeholder="find")
        yield KeyLine(id="bottom")

    def on_mount(self) -> None:
        self.set_interval(1, self.draw)
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Make the lines for the width of now."""
        sheet = self.query_one(LineView)
        lines = self._lines(min(sheet.room, WIDEST))
        self._hits = [number for number, line in enumerate(lines) if matches(self._term, line.plain)]
        sheet.show([self._marked(line, number) for number, line in enumerate(lines)])
        width = max(self.app.size.width - 2, 1)
        self.query_one("#top", KeyLine).show_keys(self.heading())
        said = self.text_styles.ink(self._where(sheet), FAINT)
        footer_ = footer(self, self.keys, said, width, self.text_styles, self.hints)
        self.query_one("#bottom", KeyLine).show_keys(footer_)

    def heading(self) -> ClickableLine:
        """The first line."""
        return ClickableLine(self.text_styles.ink(self._title, STRONG))

    def _marked(self, line: Content, number: int) -> Content:
        style = self.text_styles.style(f"reverse {CHOSEN}" if number == self._hit else "reverse")
        for match in matches(self._term, line.plain):
            line = line.stylize(style, match.start(), match.end())
        return line

    def _where(self, sheet: LineView) -> str:
        """Which match it is, or how far down."""
        if self._term:
            at = f"{self._hits.index(self._hit) + 1} of {len(self._hits)}" if self._hit in self._hits else "not found"
            return f"{fit(self._term, 16, self.text_styles)}: {at}"
        height, count = sheet.size.height, len(sheet.lines)
        return f"{min(int(sheet.scroll_offset.y) + height, count)} of {count} lines" if count > height else ""

    # Finding

    def action_find(self) -> None:
        self.query_one(FilterLine).open(self._term)

    def on_filter_line_changed_to(self, message: FilterLine.ChangedTo) -> None:
        """The first match is in view while the words are typed."""
        self._term, self._hit = message.term.strip(), -1
        self.draw()
        self.action_again(1)

    def on_filter_line_left(self) -> None:
        self.query_one(LineView).focus()
        self.draw()

    def action_again(self, way: int) -> None:
        """The next match, or the one before; around the end."""
        ahead = [hit for hit in self._hits if (hit - self._hit) * way > 0]
        if self._hits:
            self._hit = (ahead or self._hits)[0 if way > 0 else -1]
            self.go_to_line(self._hit)
        self.draw()

    def go_to_line(self, number: int) -> None:
        """Bring the line of a match into view."""
        self.query_one(LineView).reveal(number, number)

    # Keys

    def action_help(self) -> None:
        """The keys of a page, on one more page; that one has no further."""
        now = there(self, self.keys)
        self.app.push_screen(
            Page(
                self.text_styles,
                "Keys",
                lambda width: key_lines(now, self.moves, width, self.text_styles),
                can_help=False,
            )
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        works: dict[str, Callable[[], bool]] = {
            "help": lambda: self.can_help,
            "again": lambda: bool(self._term),
            "palette": lambda: self.commands_below() is not None,
        }
        return works.get(action, lambda: True)()

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_turn(self) -> None:
        self.query_one(LineView).scroll_page_down(animate=False)

    def action_ends(self, end: int) -> None:
        sheet = self.query_one(LineView)
        (sheet.scroll_end if end else sheet.scroll_home)(animate=False)

    def action_scroll(self, step: int) -> None:
        self.query_one(LineView).scroll_relative(y=step, animate=False)
