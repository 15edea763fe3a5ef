"""All readings on the whole screen; a digit opens one panel with its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from midwatch.system.clock import Clock
from screens.pages.page import Page
from screens.pages.panel import PanelPage
from screens.widgets.line_view import LineView
from screens.widgets.panels.panel_lines import block_at, block_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import TextStyles


class PanelsPage(Page):
    """Made again once a second from what the panels know then."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding(str(n), f"panel({n})", show=False) for n in range(1, 10)]

    def __init__(self, text_styles: TextStyles, panels: Callable[[], Mapping[str, PanelState]], clock: Clock) -> None:
        self._panels, self._clock = panels, clock
        super().__init__(text_styles, "Live", self._made)
        digits = f"1 to {len(panels())}"
        self.moves = ((digits, "One panel with all that is known of it"), *self.moves)
        self.hints = ((digits, "one panel", ""), *self.hints)

    def _made(self, width: int) -> list[Content]:
        found: list[Content] = []
        for number, panel in enumerate(self._panels().values(), start=1):
            found += [
                *block_lines(panel, self._clock.now(), width, self.text_styles, number=number, details=True),
                Content(""),
            ]
        return found[:-1]

    def on_line_view_clicked(self, message: LineView.Clicked) -> None:
        """A click on a panel opens it."""
        self.action_panel(block_at(list(self._panels().values()), message.view.lines, message.line))

    def action_panel(self, number: int) -> None:
        """Open it above this page, which Esc comes back to."""
        if 1 <= number <= len(self._panels()):
            self.app.push_screen(PanelPage(self.text_styles, self._panels, self._clock, number))
