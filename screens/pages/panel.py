"""One panel on the whole screen; digits and arrows go to the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from midwatch.system.clock import Clock
from screens.pages.page import Page
from screens.widgets.key_line import ClickableLine, clickable
from screens.widgets.line_view import LineView
from screens.widgets.panels.panel_detail import panel_detail_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import STRONG, TextStyles


class PanelPage(Page):
    """Made again once a second from what the panel knows then."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *[Binding(str(n), f"panel({n})", show=False) for n in range(1, 10)],
        Binding("right,tab", "other(1)", show=False),
        Binding("left,shift+tab", "other(-1)", show=False),
    ]

    def __init__(
        self, text_styles: TextStyles, panels: Callable[[], Mapping[str, PanelState]], clock: Clock, number: int
    ) -> None:
        """`number` counts the panels from 1, in the order of the runbook."""
        self._panels, self._clock, self._number = panels, clock, number
        super().__init__(text_styles, "", self._made)
        arrows = "Left Right" if text_styles.ascii else "← →"
        self.moves = ((arrows, "The panel before, the panel after"), ("1 to 9", "This panel"), *self.moves)
        self.hints = ((arrows, "other panels", "other(1)"), *self.hints)

    def _made(self, width: int) -> list[Content]:
        panel = list(self._panels().values())[self._number - 1]
        return panel_detail_lines(panel, self._clock.now(), width, self.text_styles)

    def heading(self) -> ClickableLine:
        """The names of all panels, the one that is shown in brackets."""
        names = [
            f"[{n} {panel.title}]" if n == self._number else f" {n} {panel.title} "
            for n, panel in enumerate(self._panels().values(), 1)
        ]
        return clickable([(f"panel({n})", self.text_styles.ink(name, STRONG)) for n, name in enumerate(names, 1)], 2)

    def action_panel(self, number: int) -> None:
        """Show that one from its begin."""
        if 1 <= number <= len(self._panels()):
            self._number = number
            self.query_one(LineView).scroll_home(animate=False, immediate=True)
            self.draw()

    def action_other(self, way: int) -> None:
        self.action_panel((self._number - 1 + way) % len(self._panels()) + 1)
