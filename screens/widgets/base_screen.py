"""A screen that lies beneath another one and changes there, and that ends while work for it is still going on."""

from __future__ import annotations

from typing import Any, Generic

from textual.messages import Prune
from textual.screen import Screen, ScreenResultType


class BaseScreen(Screen[ScreenResultType], Generic[ScreenResultType]):
    """Has what changed drawn anew, and nothing else; what cannot be seen is not drawn.

    Textual's own marks a screen beneath as changed whenever it was drawn, so that it is drawn for ever: with a dialog
    open, a still screen would send 20 kB a second.
    """

    offers_commands = False
    """Whether the palette of this screen lists commands, for pages above it as well."""

    def commands_below(self) -> BaseScreen[Any] | None:
        """The screen whose commands the palette lists; None where there is none, or a dialog is above it."""
        for screen in reversed(self.app.screen_stack):
            if screen.is_modal or not isinstance(screen, BaseScreen):
                return None
            if screen.offers_commands:
                return screen
        return None

    async def action_palette(self) -> None:
        """The palette of the screen below; its commands close the pages above that screen first."""
        if (screen := self.commands_below()) is not None:
            await screen.run_action("press('palette')")

    async def on_prune(self, event: Prune) -> None:
        """End the workers before the widgets that they show their results in.

        Textual cancels them after the widgets are gone, so that a result which came in between would end the program
        with an error.
        """
        self.workers.cancel_node(self)

    def _on_timer_update(self) -> None:
        """Keep the widgets that changed when parts of the screen itself are drawn as well.

        Textual forgets these widgets then, because it takes the whole screen for changed: text that was typed while the
        screen beneath changed would not be shown before the next key.
        """
        if self._repaint_required and self.is_current and not self.app._batch_count:
            self._compositor.update_widgets(self._dirty_widgets)
        super()._on_timer_update()

    def _compositor_refresh(self) -> None:
        above = self.app.screen
        if above is self:
            super()._compositor_refresh()
            return
        changed = list(self._compositor._dirty_regions)
        self._compositor._dirty_regions.clear()
        self._dirty_widgets.clear()
        if changed and self in self.app._background_screens and above.styles.background.a < 1:
            above.refresh(*changed)
