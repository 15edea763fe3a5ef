"""The Textual application: wires one incident's conductor and panels to the screens, and leaves the terminal clean."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from textual.app import App
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import LineFilter, NoColor

from midwatch.clock import Clock
from midwatch.errors import MidwatchError
from midwatch.probe import Probe, Reading
from midwatch.readings import panel_probe
from midwatch.runbook.model import Runbook
from screens.desk import Desk
from screens.incident import IncidentScreen
from screens.live import Source
from screens.widgets.pen import AsciiNet, Pen
from screens.widgets.sheet import Sheet
from tui.keys import keys_file, read_keymap
from tui.line_driver import LineDriver
from tui.theme import PLAIN, THEMES, theme_for


class AsciiFilter(LineFilter):
    """Nothing but ASCII reaches the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(AsciiNet.catch(segment.text, segment.cell_length), segment.style, segment.control)
            for segment in segments
        ]


class MidwatchApp(App[bool]):
    """One incident on one terminal. Returns True when the operator left on purpose."""

    TITLE = "Midwatch"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "ask_to_leave", show=False, priority=True),
        Binding("ctrl+c", "ask_to_leave", show=False),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(
        self,
        desk: Desk,
        *,
        ascii: bool = False,
        sources: Sequence[Source] | None = None,
        environment: Mapping[str, str] | None = None,
        keymap: Mapping[str, str] | None = None,
    ) -> None:
        """`sources` replaces the panels' own probes; `environment` is where NO_COLOR, TERM, MIDWATCH_THEME and the file of
        changed keys are looked up. Raises `BadInput` when that file is faulty."""
        self._environment = dict(os.environ if environment is None else environment)
        super().__init__(driver_class=LineDriver)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = theme_for(self._environment)
        self.left_on_purpose = False
        self._desk = desk
        self.pen = Pen(ascii=ascii, colours=self.theme != PLAIN.name)
        self._ascii_filter = AsciiFilter() if ascii else None
        self._sources = panel_sources(desk.runbook, desk.clock) if sources is None else sources
        self._keymap_given = read_keymap(keys_file(self._environment)) if keymap is None else dict(keymap)

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters() if self.pen.colours else [NoColor()]  # Textual's own turns default into black
        return [*filters, *([self._ascii_filter] if self._ascii_filter else [])]

    def on_mount(self) -> None:
        if self._keymap_given:
            self.set_keymap(self._keymap_given)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, partial(self.exit, False))
        self.set_interval(1, self._end_without_terminal)
        self.push_screen(IncidentScreen(self._desk, self.pen, self._sources, self._keymap_given))

    def _end_without_terminal(self) -> None:
        if isinstance(self._driver, LineDriver) and self._driver.hung_up:
            self.exit(False)

    def exit(self, result: bool | None = None, return_code: int = 0, message: object = None) -> None:
        """Leave; what runs goes on under its supervisors."""
        self.left_on_purpose = bool(result)
        super().exit(result, return_code)

    def action_ask_to_leave(self) -> None:
        screen = self.screen
        if isinstance(screen, IncidentScreen):
            screen.action_leave()
        elif len(self.screen_stack) > 2:
            screen.dismiss(None)

    def action_step_page(self, way: int) -> None:
        """Scroll the step from wherever the focus is."""
        if isinstance(self.screen, IncidentScreen):
            sheet = self.screen.query_one("#step", Sheet)
            sheet.scroll_relative(y=way * max(sheet.size.height - 2, 1), animate=False)


def panel_sources(runbook: Runbook, clock: Clock) -> list[Source]:
    """The runbook's panels with their probes; a probe that cannot be had is a panel that says why."""
    return [_source(runbook, panel.probe, clock) for panel in runbook.panels]


def _source(runbook: Runbook, name: str, clock: Clock) -> Source:
    try:
        probe: Probe = panel_probe(runbook, name)
    except MidwatchError as error:
        sentence = str(error)
        return Source(name, name.capitalize(), 60.0, lambda: Reading(name, clock.now(), error=sentence))
    read: Callable[[], Reading] = partial(probe.read, runbook, clock)
    return Source(name, probe.title, probe.every, read)
