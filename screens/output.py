"""A step's output on the whole screen: follow, pause, search."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from midwatch.units import size
from screens.widgets.aside import aside
from screens.widgets.line import Line
from screens.widgets.output_view import OutputView
from screens.widgets.pen import FAINT, SOON, STRONG, Pen
from screens.widgets.quiet import Quiet
from screens.widgets.rows import edges


class OutputScreen(Screen[None]):
    """`/` searches, `n` and `N` go on; Space stops following and takes it up again."""

    DEFAULT_CSS = """
    OutputScreen #top { dock: top; background: $surface; padding: 0 1; }
    OutputScreen #bottom { dock: bottom; background: $surface; padding: 0 1; }
    OutputScreen #find { dock: bottom; display: none; }
    OutputScreen #find.-open { display: block; }
    OutputScreen #output { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,o", "leave", show=False),
        Binding("slash", "find", show=False),
        Binding("n", "again(1)", show=False),
        Binding("N", "again(-1)", show=False),
        Binding("e", "first_error", show=False),
        Binding("space", "pause", show=False),
        Binding("g", "ends(0)", show=False),
        Binding("G", "ends(1)", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def __init__(self, pen: Pen, title: str, path: Path) -> None:
        super().__init__()
        self.pen, self._title, self._path = pen, title, path
        self._term, self._searching, self._said = "", False, ""

    def compose(self) -> ComposeResult:
        yield Quiet(id="top")
        yield OutputView(self.pen, id="output")
        yield Line(id="find", placeholder="find")
        yield Quiet(id="bottom")

    def on_mount(self) -> None:
        self.view.follow(self._path)
        self.view.focus()
        self.set_interval(0.5, self.draw)
        self.draw()

    @property
    def view(self) -> OutputView:
        return self.query_one("#output", OutputView)

    def draw(self) -> None:
        """Title, where in the file, and the keys."""
        spool, width = self.view.spool, max(self.app.size.width - 2, 1)
        lines = spool.line_count if spool else 0
        figures = f"{lines:,} lines, {size(spool.bytes if spool else 0)}".replace(",", " ", lines >= 1000)
        follow = "following" if self.view.following else "paused"
        top = edges(
            self.pen.ink(self._title, STRONG), self.pen.ink(f"{figures}, {follow}", "" if self.view.following else SOON), width
        )
        self.query_one("#top", Quiet).show(top)
        keys = "Esc back   / find   n N next, previous   e first error   Space pause   g G begin, end"
        self.query_one("#bottom", Quiet).show(edges(self.pen.ink(keys, FAINT), self.pen.ink(self._said, SOON), width))

    def action_leave(self) -> None:
        if self.query_one("#find").has_class("-open"):
            self._close_find()
        else:
            self.dismiss(None)

    def action_find(self) -> None:
        find = self.query_one("#find", Input)
        find.add_class("-open")
        find.value = self._term
        find.focus()

    def _close_find(self) -> None:
        self.query_one("#find").remove_class("-open")
        self.view.focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self._close_find()
        self._term = message.value
        self._search(int(self.view.scroll_offset.y), backwards=False)

    def action_again(self, way: int) -> None:
        at = self.view.found
        start = int(self.view.scroll_offset.y) if at is None else at + way
        self._search(start, backwards=way < 0)

    def action_first_error(self) -> None:
        self._term = "ERROR"
        self._search(0, backwards=False)

    def _search(self, start: int, *, backwards: bool) -> None:
        """Read through the file beside the loop; around its end once."""
        spool, term = self.view.spool, self._term
        if not term or spool is None or self._searching:
            return
        self._searching = True

        def look() -> tuple[int | None, bool]:
            from midwatch.spool import Spool

            own = Spool(spool.path)  # not shared between threads
            while own.refresh():
                pass
            found = own.find(term, start, backwards=backwards) if start >= 0 else None
            if found is not None:
                return found, False
            return own.find(term, own.line_count if backwards else 0, backwards=backwards), True

        def done(result: tuple[int | None, bool]) -> None:
            line, around = result
            self._searching = False
            self._said = f"{term}: not found" if line is None else f"line {line + 1}" + (", around the end" if around else "")
            self.view.mark(term, line)
            self.draw()

        def failed(sentence: str) -> None:
            self._searching, self._said = False, sentence
            self.draw()

        self._said = "searching"
        aside(self, look, done, failed, name="search")

    def action_pause(self) -> None:
        self.view.pause()
        self.draw()

    def action_ends(self, end: int) -> None:
        if end:
            self.view.action_scroll_end()
        else:
            self.view.action_scroll_home()

    def action_scroll(self, step: int) -> None:
        if step < 0:
            self.view.following = False
        self.view.scroll_relative(y=step, animate=False)
