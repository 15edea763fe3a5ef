"""The Textual application: connects an incident's controller and panels to the screens."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from midwatch.api.probe import Probe, Reading
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.readings import panel_probe, reading_of
from midwatch.engine.rehearsal_end import RehearsalEnd
from midwatch.incident.event_redaction import masked_reading
from midwatch.runbook.model import Panel, Runbook
from midwatch.runbook.secret_sources import known_secrets
from midwatch.system.clock import Clock
from midwatch.system.errors import MidwatchError
from midwatch.system.units import counted
from screens.dialogs.note import write_note
from screens.dialogs.settings import settings_form
from screens.incident.panel_poller import Source
from screens.incident.screen import IncidentScreen
from screens.widgets.background import start_work
from screens.widgets.dialog import Dialog
from screens.widgets.drafts import Drafts
from screens.widgets.held_keys import HeldKeys
from screens.widgets.line_view import LineView
from tui.app.base_app import BaseApp
from tui.app.keymap_file import keys_file, keys_text, parse_keymap, read_keymap
from tui.app.settings import THEME_NAMES, Settings, read_settings, settings_file, with_theme, write_settings
from tui.app.theme import theme_for
from tui.user_files import write_text

_FLAGS = ("mouse", "ascii", "bell", "plain")
"""The settings that are yes or no."""


class MidwatchApp(BaseApp[bool]):
    """One incident on one terminal. Returns True when the operator left on purpose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "ask_to_leave", show=False, priority=True),
        Binding("ctrl+c", "ask_to_leave", show=False),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(
        self,
        session: IncidentControls,
        *,
        ascii: bool = False,
        sources: Sequence[Source] | None = None,
        environment: Mapping[str, str] | None = None,
        keymap: Mapping[str, str] | None = None,
        held_keys: HeldKeys | None = None,
        rehearsal: RehearsalEnd | None = None,
    ) -> None:
        """`sources` replaces the panels' own probes; `environment` is where NO_COLOR, TERM, MIDWATCH_THEME and the file
        of changed keys are looked up. Raises `BadInput` when that file is faulty."""
        super().__init__(os.environ if environment is None else environment, ascii=ascii, held_keys=held_keys)
        self.left_on_purpose, self.following = False, ""
        """Whether the operator left, and the id of the incident to open then."""
        self.drafts = Drafts()
        self._rings = read_settings(settings_file(self.environment)).bell
        self._desk, self._rehearsal = session, rehearsal
        self._sources = panel_sources(session.runbook, session.clock) if sources is None else sources
        self._keymap_given = read_keymap(keys_file(self.environment)) if keymap is None else dict(keymap)

    def on_mount(self) -> None:
        """Apply the keymap and open the incident screen."""
        if self._keymap_given:
            self.set_keymap(self._keymap_given)
        self.end_with_the_terminal()
        incident_screen = IncidentScreen(
            self._desk, self.text_styles, self._sources, self._keymap_given, self.held_keys, self._rehearsal
        )
        self.push_screen(incident_screen)

    async def on_event(self, event: events.Event) -> None:
        """Whoever presses a key has been called: the title is what it was."""
        if isinstance(event, events.Key):
            self.show_title("")
        await super().on_event(event)

    def on_incident_screen_left(self, message: IncidentScreen.Left) -> None:
        """Leave; the caller opens what follows."""
        self.following = message.following
        self.exit(True)

    def exit(self, result: bool | None = None, return_code: int = 0, message: object = None) -> None:
        """Leave; what runs goes on under its supervisors."""
        self.left_on_purpose = bool(result)
        self.show_title("")
        super().exit(result, return_code)

    def action_ask_to_leave(self) -> None:
        """Leave the incident screen, or close the page above it."""
        screen = self.screen
        if isinstance(screen, IncidentScreen):
            screen.action_press("leave")
        elif len(self.screen_stack) > 2:
            screen.dismiss(None)

    def offer_pasted(self, text: str) -> None:
        """Offer what was pasted as a note to the driver; nothing of it acts."""
        if text.strip() and self._desk.driving and self._desk.incident.open:
            start_work(self, write_note, self, self.text_styles, self._desk, text)
        elif isinstance(self.screen, IncidentScreen):
            self.screen.notice(
                f"Pasted {counted(len(text), 'character')}: only the driver keeps notes; nothing was done"
            )

    def on_incident_screen_rang(self, message: IncidentScreen.Rang) -> None:
        """Call the operator by the bell and the title of the terminal, unless the settings say not to."""
        if self._rings:
            self.bell()
            self.show_title(f"{self._desk.incident.severity.value} {message.words}")

    def on_dialog_draft_kept(self, message: Dialog.DraftKept) -> None:
        """Say that what was typed is not lost."""
        message.stop()
        if isinstance(self.screen, IncidentScreen):
            self.screen.notice("What you typed is kept; the same key opens it again")

    def action_settings(self) -> None:
        """Show the settings; a theme that is kept is put on at once."""
        start_work(self, self._ask_settings)

    async def _ask_settings(self) -> None:
        file, keys = settings_file(self.environment), keys_file(self.environment)
        now = read_settings(file)
        words = {name: "yes" if getattr(now, name) else "no" for name in _FLAGS}
        known = {"theme": now.theme, "keys": keys_text(keys), **words}
        form = settings_form(self.text_styles, known, THEME_NAMES, str(file))
        async for values in form.answers(self):
            if await form.carry_out(self._save_settings, values):
                self._change_keys(read_keymap(keys))
                self._rings = read_settings(file).bell
                if self.text_styles.colours:
                    self.theme = theme_for(with_theme(self.environment, read_settings(file)))

    def _save_settings(self, values: Mapping[str, str]) -> None:
        keys = keys_file(self.environment)
        parse_keymap(values["keys"], keys)
        flags = {name: values[name] == "yes" for name in _FLAGS}
        write_settings(settings_file(self.environment), Settings(theme=values["theme"], **flags))
        if values["keys"] != keys_text(keys):
            write_text(keys, values["keys"])

    def _change_keys(self, keymap: Mapping[str, str]) -> None:
        self.set_keymap(keymap)
        for screen in self.screen_stack:
            if isinstance(screen, IncidentScreen):
                screen.keymap = keymap
                screen.redraw()

    def action_step_page(self, way: int) -> None:
        """Scroll the step from wherever the focus is."""
        if isinstance(self.screen, IncidentScreen):
            sheet = self.screen.query_one("#step", LineView)
            sheet.scroll_relative(y=way * max(sheet.size.height - 2, 1), animate=False)


def panel_sources(runbook: Runbook, clock: Clock) -> list[Source]:
    """The runbook's panels with their probes; a probe that cannot be had is a panel that says why."""
    return [_source(runbook, panel, clock) for panel in runbook.panels]


def _source(runbook: Runbook, panel: Panel, clock: Clock) -> Source:
    name, title = panel.name, panel.title
    try:
        probe: Probe = panel_probe(runbook, name)
    except MidwatchError as error:
        sentence = str(error)
        return Source(name, title or name.capitalize(), 60.0, lambda: Reading(name, clock.now(), error=sentence))
    secrets = known_secrets(runbook)
    title = title or (probe.title if name == panel.probe else name.capitalize())

    def read() -> Reading:
        return masked_reading(reading_of(probe, name, runbook, clock), secrets)

    return Source(name, title, panel.every or probe.every, read)
