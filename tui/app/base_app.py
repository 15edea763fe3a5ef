"""The base of Midwatch's Textual applications: theme, ASCII fallback, and restoring the terminal."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from rich.segment import Segment
from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import LineFilter, NoColor
from textual.screen import Screen

from midwatch.redaction import mask
from midwatch.runbook.secret_sources import environment_secrets
from midwatch.system.errors import Failed
from midwatch.system.programs import started_as
from midwatch.system.sanitize import safe_text
from screens.pages.page import Page
from screens.widgets.dialog import Dialog
from screens.widgets.held_keys import HeldKeys
from screens.widgets.styles import AsciiNet, TextStyles
from tui.app.settings import read_settings, settings_file, with_theme
from tui.app.theme import PLAIN, THEMES, theme_for
from tui.first_paint import ENDING, came_late
from tui.terminal.cell_widths import SingleSigns, count_sign_by_sign
from tui.terminal.diff_renderer import DiffRenderer
from tui.terminal.hangup_driver import HangupDriver
from tui.terminal.key_queue import KeyQueue

T = TypeVar("T")
count_sign_by_sign()
_SAVE_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
_TITLE_LIMIT = 120


class AsciiFilter(LineFilter):
    """Nothing but ASCII reaches the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Replace the characters that an ASCII terminal cannot show."""
        return [
            segment
            if segment.text.isascii()
            else Segment(AsciiNet.catch(segment.text, segment.cell_length), segment.style, segment.control)
            for segment in segments
        ]


class BaseApp(App[T]):
    """Looks as the environment says (NO_COLOR, TERM, MIDWATCH_THEME), and ends with its terminal."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+l", "draw_again", show=False, priority=True)]
    TITLE = "Midwatch"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, environment: Mapping[str, str], *, ascii: bool, held_keys: HeldKeys | None = None) -> None:
        self.environment = dict(environment)
        super().__init__(driver_class=HangupDriver)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = theme_for(with_theme(self.environment, read_settings(settings_file(self.environment))))
        self.text_styles = TextStyles(ascii=ascii, colours=self.theme != PLAIN.name)
        self._ascii_filter = AsciiFilter() if ascii else None
        self._single_signs = SingleSigns()
        self._shown = DiffRenderer()
        self.held_keys = held_keys or HeldKeys()
        self.key_queue = KeyQueue(self, self.held_keys, super().on_event, self.offer_pasted)
        self._broke = self._terminal_title = ""

    def run(self, **how: Any) -> T | None:
        """Show it until it ends.

        Raises `Failed` when the screen breaks; where it broke is on stderr then.
        """
        result = super().run(**how)
        if self._broke:
            told = safe_text(mask(self._broke, environment_secrets(self.environment)), newlines=True)
            sys.stderr.write(told)
            command = started_as()
            hint = f"What runs goes on: '{command}' brings you back, '{command} --plain' without a screen"
            raise Failed(f"The screen broke: {told.splitlines()[-1]}", hint=hint)
        return result

    def _fatal_error(self) -> None:
        """Textual's own prints all local values as well, secrets among them."""
        self._broke = self._broke or traceback.format_exc()
        self._close_messages_no_wait()

    async def on_event(self, event: events.Event) -> None:
        """Keys and pasted text wait for their turn. A terminal of another size, or one that we come back to, is a new
        one."""
        if isinstance(event, events.Resize):
            self._shown.forget()
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.key_queue.take(event)
        else:
            await super().on_event(event)

    def push_screen(self, screen: Screen[Any] | str, *args: Any, **more: Any) -> Any:
        """As Textual's; what was typed before is not for this screen."""
        pushed = super().push_screen(screen, *args, **more)
        self.key_queue.screen_changed(opened=True)
        return pushed

    def pop_screen(self) -> AwaitComplete:
        """As Textual's; what was typed before is not for the screen beneath."""
        popped = super().pop_screen()
        self.key_queue.screen_changed(opened=False)
        return popped

    def offer_pasted(self, text: str) -> None:
        """A text was pasted where there is no field for it: nothing is done with it here."""

    def on_dialog_help_asked(self, message: Dialog.HelpAsked) -> None:
        """Show the help page of the dialog."""
        self.push_screen(Page(message.text_styles, message.title, message.lines, can_help=False))

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Only what the terminal does not show yet is sent."""
        reaches = self._running and not self._closed and not self._batch_count and not self.is_headless
        if reaches and isinstance(renderable, CompositorUpdate):
            renderable = self._shown.differing(renderable, self.console)
        super()._display(screen, renderable)

    def show_title(self, text: str) -> None:
        """Put this into the title of the terminal; empty restores the title that the terminal had.

        The console of Linux has no title, and may print the sequence.
        """
        if (
            text == self._terminal_title
            or self._driver is None
            or self.environment.get("TERM", "") in ("linux", "dumb")
        ):
            return
        save = "" if self._terminal_title else _SAVE_TITLE
        clean = safe_text(text)[:_TITLE_LIMIT]
        self._driver.write(f"{save}\x1b]2;{clean}\x1b\\" if text else _RESTORE_TITLE)
        self._terminal_title = text

    def action_draw_again(self) -> None:
        """Send all of it: somebody else (`wall`, the kernel, a job of the shell) wrote on this terminal."""
        self._shown.forget()
        self.refresh(layout=True)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Add the filters for missing colours and for ASCII terminals."""
        filters = (
            super().get_line_filters() if self.text_styles.colours else [NoColor()]
        )  # Textual's own turns default into black
        return [*filters, self._single_signs, *([self._ascii_filter] if self._ascii_filter else [])]

    def end_with_the_terminal(self) -> None:
        """From now on a termination, a hang-up and a terminal that is gone end it, without a result."""
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, partial(self.exit, None))
        if came_late:
            self.exit(None)
        self.set_interval(1, self._end_without_terminal)

    def _end_without_terminal(self) -> None:
        if isinstance(self._driver, HangupDriver) and self._driver.hung_up:
            self.exit(None)
