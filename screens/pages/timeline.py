"""The timeline on the whole screen: live, filtered by kind and by words; events are starred, and words corrected."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.incident.events import Event
from midwatch.reports.event_text import describe, words_of
from midwatch.system.errors import MidwatchError
from screens.dialogs.correct_text import correct_form
from screens.dialogs.note import write_note
from screens.keys.keymaps import TIMELINE
from screens.pages.event_list import FILTERS, Entry, EventList, whole_event
from screens.pages.page import Page
from screens.widgets.background import WorkFailed, in_background, start_work
from screens.widgets.base_screen import BaseScreen
from screens.widgets.filter_line import FilterLine
from screens.widgets.key_bindings import bindings, footer, key_lines, there
from screens.widgets.key_line import KeyLine
from screens.widgets.line_view import LineView, block_of_line
from screens.widgets.status_line import StatusLine
from screens.widgets.styles import CHOSEN, FAINT, SOON, STRONG, TextStyles
from screens.widgets.text_layout import edges


class TimelineScreen(BaseScreen[None]):
    """Follows the newest event until the operator goes to an earlier one."""

    DEFAULT_CSS = """
    TimelineScreen #top { dock: top; background: $surface; padding: 0 1; }
    TimelineScreen #bottom, TimelineScreen #filter { dock: bottom; }
    TimelineScreen #bottom { background: $surface; padding: 0 1; }
    TimelineScreen #lines {
        padding: 0 1; height: 1fr;
        scrollbar-color: $edge; scrollbar-color-hover: $faint; scrollbar-color-active: $faint;
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
    }
    """
    AUTO_FOCUS = "#lines"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", show=False),
        Binding("f1", "help", show=False),
        *bindings(TIMELINE),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
        Binding("home", "move(-1000000)", show=False, priority=True),
        Binding("end", "newest", show=False, priority=True),
    ]

    def __init__(self, text_styles: TextStyles, session: IncidentControls) -> None:
        super().__init__()
        self.text_styles, self._desk = text_styles, session
        self._kinds, self._term, self._said = FILTERS[0][0], "", ""
        self._at: int | None = None
        """The number of the event under the cursor; None goes with the newest."""
        self._entries = EventList(session, text_styles)
        self._shown: list[Entry] = []

    def compose(self) -> ComposeResult:
        yield StatusLine(id="top")
        yield LineView(id="lines")
        yield FilterLine(id="filter", placeholder="only what holds these words")
        yield KeyLine(id="bottom")

    def on_mount(self) -> None:
        self.set_interval(1, self.redraw)
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    # What is shown

    @property
    def entry(self) -> Entry | None:
        """The event under the cursor."""
        return next((e for e in self._shown if e.event.seq == self._at), self._shown[-1] if self._shown else None)

    def redraw(self) -> None:
        """The entries for the width of now, the one under the cursor marked and in view."""
        sheet = self.query_one(LineView)
        self._shown = self._entries.select(sheet.room, kinds=self._kinds, term=self._term)
        lines: list[Content] = []
        first = last = 0
        at = self.entry
        for entry in self._shown:
            if entry is at:
                first, last = len(lines), len(lines) + len(entry.lines) - 1
                lines += entry.marked(self.text_styles.ink(f"{self.text_styles.signs.next} ", CHOSEN))
            else:
                lines += entry.lines
        if not lines:
            lines = [self.text_styles.ink("  Nothing is like that.", FAINT)]
        sheet.show(lines)
        sheet.reveal(first, last)
        self.call_after_refresh(sheet.reveal, first, last)  # once it knows how long it is
        self._draw_edges()

    def _draw_edges(self) -> None:
        width = max(self.app.size.width - 2, 1)
        asked = "" if self._kinds == "all" else f", {self._kinds} only"
        held = f", holding {self._term!r}" if self._term else ""
        count = f"{len(self._shown)} events{asked}{held}"
        title = self.text_styles.ink(f"Timeline of {self._desk.incident.id}", STRONG)
        self.query_one("#top", StatusLine).show(
            edges(title, self.text_styles.ink(count, SOON if asked or held else FAINT), width)
        )
        line = footer(self, TIMELINE, self.text_styles.ink(self._said, CHOSEN), width, self.text_styles)
        self.query_one("#bottom", KeyLine).show_keys(line)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether it does something now."""
        if action in ("star", "correct"):
            return self._writes and self.entry is not None
        if action == "palette":
            return self.commands_below() is not None
        if action == "move":
            return not isinstance(self.focused, FilterLine)  # there it moves the cursor, and j and k are letters
        return self._writes if action == "note" else True

    @property
    def _writes(self) -> bool:
        return self._desk.driving and self._desk.incident.open

    def _say(self, text: str) -> None:
        self._said = text
        self.redraw()

    # Keys

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_move(self, step: int) -> None:
        """To an event further up or down."""
        if not self._shown:
            return
        now = next((n for n, entry in enumerate(self._shown) if entry is self.entry), 0)
        new = min(max(now + step, 0), len(self._shown) - 1)
        self._at = self._shown[new].event.seq if new < len(self._shown) - 1 else None
        self._say("")

    def action_newest(self) -> None:
        self._at = None
        self._say("")

    def action_kind(self) -> None:
        """The next of the filters."""
        names = [name for name, _ in FILTERS]
        self._kinds = names[(names.index(self._kinds) + 1) % len(names)]
        self._say("")

    def on_line_view_clicked(self, message: LineView.Clicked) -> None:
        """A click chooses an event; another click on it opens it."""
        number = block_of_line([len(entry.lines) for entry in self._shown], message.line)
        clicked = None if number is None else self._shown[number]
        if clicked is not None and clicked is self.entry:
            self.action_open()
        elif clicked is not None:
            self._at = None if clicked is self._shown[-1] else clicked.event.seq
            self._say("")

    def action_find(self) -> None:
        self.query_one(FilterLine).open(self._term)

    def on_filter_line_changed_to(self, message: FilterLine.ChangedTo) -> None:
        self._term = message.term.strip()
        self.redraw()

    def on_filter_line_left(self) -> None:
        self.query_one(LineView).focus()

    def action_star(self) -> None:
        if self.entry is not None and self._writes:
            start_work(self, self._star, self.entry.event.seq)

    async def _star(self, seq: int) -> None:
        try:
            await in_background("star", self._desk.star, seq, starred=seq not in self._desk.incident.stars)
        except WorkFailed as failed:
            self._say(str(failed))
        else:
            self.redraw()

    def action_correct(self) -> None:
        if self.entry is not None and self._writes:
            start_work(self, self._correct, self.entry.event)

    async def _correct(self, event: Event) -> None:
        try:
            said = words_of(self._desk.events, event.seq)
        except MidwatchError as error:
            self._say(error.sentence)
            return
        form = correct_form(self.text_styles, event.seq, said, describe(event, self._desk.runbook))
        async for values in form.answers(self.app):
            await form.carry_out(self._desk.correct, event.seq, values["text"])
        self.redraw()

    def action_open(self) -> None:
        """The event under the cursor with every line of it."""
        if (entry := self.entry) is not None:
            lines = partial(whole_event, entry.event, self._desk, text_styles=self.text_styles)
            self.app.push_screen(Page(self.text_styles, f"Event {entry.event.seq}", lines))

    def action_note(self) -> None:
        if self._writes:
            start_work(self, self._note)

    async def _note(self) -> None:
        await write_note(self.app, self.text_styles, self._desk)
        self.action_newest()

    def action_help(self) -> None:
        now = there(self, TIMELINE)
        moves = (
            ("PgUp PgDn", "Ten events up, ten down"),
            ("Esc", "Back"),
        )
        self.app.push_screen(
            Page(
                self.text_styles,
                "Timeline",
                lambda width: key_lines(now, moves, width, self.text_styles),
                can_help=False,
            )
        )
