"""Draws the incident screen: which arrangement fits, and every line of it, made again once a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content

from midwatch.control.lease import DriverState
from midwatch.engine.pending_requests import pending_request
from midwatch.incident.state import Attempt, StepStatus
from midwatch.output.progress import PACE, Advance, RateMeter, advance
from midwatch.runbook.model import Step
from midwatch.supervisor.progress import read_progress
from midwatch.system.actor import login
from screens.dialogs.close_incident import criteria_lines
from screens.incident.standing_notice import answerable_request, standing_notice
from screens.keys.footer import footer_line
from screens.keys.incident_keys import BY_ID, KEYS
from screens.widgets.checklist import Checklist
from screens.widgets.filter_line import FilterLine
from screens.widgets.key import Key, shown
from screens.widgets.line_view import LineView
from screens.widgets.output_view import OutputView
from screens.widgets.panels.panel_lines import column_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.panels.panel_summary import summary_lines, worst_line
from screens.widgets.status_line import StatusLine
from screens.widgets.step_page import phase_lines, step_lines
from screens.widgets.step_page_data import StepPageData
from screens.widgets.styles import SOON
from screens.widgets.top_bar import top_bar

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen

HUGE, WIDE, MIDDLE, TINY = 190, 160, 110, (72, 20)
PANES = ("checklist", "step", "output")
HIDDEN = ("zoom", "output", "panels")
"""Keys to what a small terminal has no room for."""
FIGURES = 8.0
"""Seconds between two drawings of figures that move all the time, such as the free space of a busy disk."""
_NOTICE = 12.0


class Layout:
    """Lines that did not change are not sent to the terminal."""

    def __init__(self, screen: IncidentScreen) -> None:
        """Nothing is said yet, and a small terminal begins with the step."""
        self._screen, self._session, self._text_styles = screen, screen.session, screen.text_styles
        self._notice, self._notice_until = Content(""), 0.0
        self._yields = False
        """Whether the notice stands behind a request that this operator can answer."""
        self.in_checklist = False
        """Whether a small terminal shows the checklist instead of the step."""
        self.zoomed = ""
        """The pane that is shown alone; empty: all are shown."""
        self.journal_trouble = ""
        self._grid_rows = ""
        self._drawn: dict[str, tuple[float, PanelState]] = {}
        self._flow, self._pace = RateMeter(), RateMeter(PACE)
        screen.set_class(self._text_styles.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield StatusLine(id="top-line")
            yield StatusLine(id="clock")
        yield LineView(id="strip", focus=False)
        with Container(id="body"):
            with Vertical(id="left"):
                yield Checklist(self._text_styles, id="checklist")
                yield FilterLine(id="filter", placeholder="title, number, state or risk")
                yield LineView(id="criteria", focus=False)
            yield LineView(id="step")
            yield LineView(id="live", focus=False)
            yield OutputView(self._text_styles, id="output")
        yield StatusLine(id="notice")
        yield StatusLine(id="keys")

    def shape(self) -> None:
        """Which of the layouts fits the terminal."""
        width, height = self._screen.app.size
        self._screen.set_class(width >= WIDE, "-wide")
        self._screen.set_class(width >= HUGE, "-huge")
        self._screen.set_class(MIDDLE <= width < WIDE, "-middle")
        self._screen.set_class(width < TINY[0] or height < TINY[1], "-tiny")
        self._screen.set_class(self.in_checklist, "-list")
        for pane in PANES:
            self._screen.set_class(self.zoomed == pane, f"-zoom-{pane}")
        self._screen.set_class(bool(self.zoomed), "-zoom")
        self._screen.set_class(self._screen.shown_attempt() is None, "-silent")

    def show_checklist(self, shown: bool) -> None:
        """In a small terminal, show the checklist or the step."""
        if self._screen.has_class("-tiny"):
            self.in_checklist = shown
            self.shape()
            self._screen.call_after_refresh(self._screen.redraw)

    def draw(self) -> None:
        """Make all lines again."""
        self.shape()
        self._screen.checklist.draw()
        self._draw_top()
        self.draw_panels()
        self._draw_step()
        self._draw_output()
        self._draw_keys()

    def _draw_top(self) -> None:
        incident, now = self._session.incident, self._session.clock.now()
        width = self._screen.query_one("#top-line", StatusLine).size.width
        lease = self._session.lease
        line = top_bar(
            incident,
            self._session.runbook.environment,
            self._session.next_update_due,
            now,
            max(width, 20),
            self._text_styles,
            steady=incident.elapsed_now(self._session.clock),
            driving=self._session.driving,
            journal=self.journal_trouble,
            observers=self._others(),
            silent=lease.silent_s if lease.state is DriverState.UNRESPONSIVE else None,
            gone=lease.state in (DriverState.EXITED, DriverState.NOBODY),
        )
        self._screen.query_one("#top-line", StatusLine).show(line)
        beneath = (
            self._screen.app.screen is not self._screen
        )  # what changes there is sent by whole rows: once a minute will do
        self._screen.query_one("#clock", StatusLine).show(
            self._text_styles.ink(f"{now:%H:%M} UTC".rjust(12) if beneath else f"{now:%H:%M:%S} UTC")
        )
        checklist, tally = self._screen.checklist, incident.tally(self._session.runbook.steps())
        found = f", {checklist.found} found" if checklist.term else ""
        whole = f"Checklist {tally.words}{found}"
        self._title(
            checklist, whole if len(whole) + 4 <= checklist.size.width else f"Checklist {tally.short_words}{found}"
        )

    def _others(self) -> list[str]:
        """The names of those who observe beside whoever sits here; a screen of one's own elsewhere counts once."""
        names = sorted(set(self._session.observers))
        return names if self._session.driving else [name for name in names if name != login(self._session.actor)]

    def _title(self, widget: LineView | OutputView, text: str) -> None:
        beside_a_corner = bool(widget.styles.border_left[0])  # where a blank stands already
        title = self._text_styles.ink(f"{text} " if beside_a_corner else f" {text} ")
        if widget.border_title != title.markup:
            widget.border_title = title  # content, so that it is never read as markup

    def draw_panels(self) -> None:
        """A column where there is room for one, else a strip of a few lines."""
        now, panels = self._session.clock.now(), [self._standing(panel) for panel in self._screen.panels.values()]
        if self._screen.has_class("-wide"):
            live, criteria = self._screen.query_one("#live", LineView), self._screen.query_one("#criteria", LineView)
            live.show(column_lines(panels, now, live.room, max(live.size.height, 6), self._text_styles))
            lines = criteria_lines(self._session.runbook, self._session.incident, criteria.room, self._text_styles)
            criteria.styles.height = len(lines) + 1 if lines else 0
            criteria.set_class(not lines, "-none")
            criteria.show(lines)
            self._title(live, "Live")
            self._title(criteria, "Closure")
            return
        strip = self._screen.query_one("#strip", LineView)
        tiny = self._screen.has_class("-tiny")
        room = strip.room - 1  # as far to the right as the line above
        lines = (
            [worst_line(panels, now, room, self._text_styles)]
            if tiny
            else summary_lines(panels, now, room, self._text_styles)
        )
        strip.styles.height = len(lines)
        strip.show(lines)

    def _standing(self, panel: PanelState) -> PanelState:
        """The panel as it is drawn: what becomes better or worse is shown at once, a figure that moves a little
        later."""
        at, drawn = self._drawn.get(panel.name, (0.0, None))
        if drawn is None or drawn.standing != panel.standing or time.monotonic() - at >= FIGURES:
            self._drawn[panel.name] = (time.monotonic(), panel)
            return panel
        return drawn

    def _draw_step(self) -> None:
        sheet, step, phase = self._screen.query_one("#step", LineView), self._screen.step, self._screen.checklist.phase
        self._title(sheet, f"{phase.section} {phase.title}".strip())
        if step is None:
            entries = self._session.runbook.entries(phase)
            sheet.show(phase_lines(phase, entries, self._session.incident, sheet.room, self._text_styles))
            return
        folder = self._session.attempt_folder(step.id)
        how_far = None
        if folder is not None and self._session.incident.status(step) is StepStatus.RUNNING:
            output_index = self._screen.query_one("#output", OutputView).output_index
            written = output_index.bytes if output_index is not None and output_index.path == folder.output else 0
            told = read_progress(folder.progress)
            how_far = advance(told, self._pace, folder.progress, time.monotonic(), written)
        parts = self.parts(step, how_far)
        sheet.show(step_lines(parts, sheet.room, self._text_styles))

    def parts(self, step: Step, how_far: Advance | None = None, *, whole: bool = False) -> StepPageData:
        """What the page of a step is made of."""
        session, plans = self._session, self._screen.plan_cache
        return StepPageData(
            step,
            session.runbook,
            session.incident,
            plans.of(step.id),
            session.clock.now(),
            session.incident.elapsed_now(session.clock),
            how_far,
            plans.undoable(step),
            self.key_name("undo"),
            whole=whole,
        )

    def _draw_output(self) -> None:
        view, step = self._screen.query_one("#output", OutputView), self._screen.shown_attempt()
        folder = self._session.attempt_folder(step.id) if step else None
        view.follow(folder.output if folder else None)
        self._give_room(view, step)
        if step is not None:
            state = self._session.incident.steps.get(step.id)
            last = state.last if state else None
            how = last.outcome.value if last and last.outcome else "running"
            paused = "" if view.following else ", paused"
            self._title(
                view, f"Output of {step.number} {self._text_styles.signs.dot} {how}{self._figures(view, last)}{paused}"
            )

    def _figures(self, view: OutputView, last: Attempt | None) -> str:
        """How much and how fast, of a step running. A title draws all of its widget anew: so no clock in it."""
        output_index = view.output_index
        if output_index is None or last is None or last.outcome is not None:
            return ""
        self._flow.take(output_index.path, time.monotonic(), output_index.bytes)
        return f", {self._flow.words(output_index.bytes, under_way=True)}"

    def _give_room(self, view: OutputView, step: Step | None) -> None:
        """The output of what runs has its share of the screen; that of what has ended as many lines as it has."""
        height = self._screen.query_one("#body").size.height
        share = height // 2 if self._screen.has_class("-wide") else height * 5 // 14
        under_way = step is not None and self._session.incident.status(step) is StepStatus.RUNNING
        lines = view.output_index.line_count if view.output_index else 0
        rows = share if under_way else min(max(lines + 1, 4), share)
        single = any(self._screen.has_class(name) for name in ("-silent", "-tiny", "-zoom"))
        wanted = "1fr" if single else f"1fr {rows}"
        if wanted != self._grid_rows:
            self._grid_rows = wanted
            self._screen.query_one("#body").styles.grid_rows = wanted

    def _draw_keys(self) -> None:
        width = max(self._screen.app.size.width - 2, 10)
        line = footer_line(
            self._screen.next_action().words, self._keys_now(), self._screen.keymap, width, self._text_styles
        )
        self._screen.query_one("#keys", StatusLine).show(line)
        self._draw_notice(width)

    def _keys_now(self) -> Iterator[tuple[Key, str]]:
        """The footer's keys, most useful first: in a small terminal what answers somebody, then what shows the
        hidden."""
        tiny, found = self._screen.has_class("-tiny"), pending_request(self._session)
        first = (found.answer if found else "", *HIDDEN)
        for key in (
            sorted(KEYS, key=lambda key: first.index(key.id) if key.id in first else len(first)) if tiny else KEYS
        ):
            if key.id == "zoom" and (tiny or self.zoomed):
                yield key, "all panes" if not tiny else "step" if self.in_checklist else "checklist"
            if not key.words or key.id == "help" or not self._screen.commands.may(key.id):
                continue
            yield key, key.words

    def _draw_notice(self, width: int) -> None:
        notice, text = self._screen.query_one("#notice", StatusLine), self._notice
        if time.monotonic() > self._notice_until:
            words, style = standing_notice(self._session, self._screen.absence.line(), self.key_name)
            text = self._text_styles.ink(f"{self._text_styles.signs.person} {words}", style) if words else Content("")
        elif self._yields and (request := answerable_request(self._session, self.key_name)):
            asked = f"{self._text_styles.signs.person} {request}"
            news = Content("") if asked.startswith(text.plain) else Content.assemble("  ", text)
            text = Content.assemble(self._text_styles.ink(asked, SOON), news)
        notice.display = bool(text)
        notice.show(text.truncate(width, ellipsis=True) if text else text)

    def key_name(self, name: str) -> str:
        return shown(self._screen.keymap.get(name, BY_ID[name].key), ascii=self._text_styles.ascii)

    def notice(self, text: str, style: str = SOON, *, yields: bool = False) -> None:
        """Show one sentence for a while; `yields`: behind a request that this operator can answer."""
        self._yields = yields
        self._notice = self._text_styles.ink(f"{self._text_styles.signs.person} {text}", style)
        self._notice_until = time.monotonic() + _NOTICE
        self._screen.redraw()
