"""The half of the incident screen that draws: which layout fits, and every line of it, made again once a second."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content

from midwatch.control.lease import DriverState
from midwatch.engine.pending_requests import pending_request
from midwatch.incident.state import Attempt, StepStatus
from midwatch.output.progress import PACE, RateMeter, advance
from midwatch.runbook.model import Step
from midwatch.supervisor.progress import read_progress
from screens.dialogs.close_incident import criteria_lines
from screens.incident.commands import Commands
from screens.incident.primary_action import NextAction, next_action
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
from screens.widgets.styles import SOON, WRONG
from screens.widgets.top_bar import top_bar

HUGE, WIDE, MIDDLE, TINY = 190, 160, 110, (72, 20)
HIDDEN = ("other_pane", "output", "panels")
"""Keys to what a small terminal has no room for."""
FIGURES = 8.0
"""Seconds between two drawings of figures that move all the time, such as the free space of a busy disk."""
_NOTICE = 12.0


class Layout(Commands):
    """Lines that did not change are not sent to the terminal."""

    panels: dict[str, PanelState]

    def set_up_layout(self) -> None:
        """Nothing is said yet, and a small terminal begins with the step."""
        self._notice, self._notice_until = Content(""), 0.0
        self._in_checklist = False
        self.journal_trouble = ""
        self.logout_warning = ""
        self._grid_rows = ""
        self._drawn: dict[str, tuple[float, PanelState]] = {}
        self._flow, self._pace = RateMeter(), RateMeter(PACE)
        self.set_class(self.text_styles.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield StatusLine(id="top-line")
            yield StatusLine(id="clock")
        yield LineView(id="strip", focus=False)
        with Container(id="body"):
            with Vertical(id="left"):
                yield Checklist(self.text_styles, id="checklist")
                yield FilterLine(id="filter", placeholder="title, number, state or risk")
                yield LineView(id="criteria", focus=False)
            yield LineView(id="step")
            yield LineView(id="live", focus=False)
            yield OutputView(self.text_styles, id="output")
        yield StatusLine(id="notice")
        yield StatusLine(id="keys")

    @property
    def checklist(self) -> Checklist:
        return self.query_one("#checklist", Checklist)

    @property
    def step(self) -> Step | None:
        return self.checklist.step

    def next(self) -> NextAction:
        """What Enter does now."""
        look = self.plan_cache.of(self.step.id if self.step else "")
        return next_action(self.session, self.step, look, self.inconclusive)

    def shown_attempt(self) -> Step | None:
        """The step under the cursor if it ever ran, else the one that ran last."""
        if self.step is not None and self.session.attempt_folder(self.step.id) is not None:
            return self.step
        ran = [state for state in list(self.session.incident.steps.values()) if state.last is not None]
        newest = max(ran, key=lambda state: state.attempts[-1].confirmed_at, default=None)
        return self.session.runbook.step(newest.id) if newest else None

    def shape(self) -> None:
        """Which of the layouts fits the terminal."""
        width, height = self.app.size
        self.set_class(width >= WIDE, "-wide")
        self.set_class(width >= HUGE, "-huge")
        self.set_class(MIDDLE <= width < WIDE, "-middle")
        self.set_class(width < TINY[0] or height < TINY[1], "-tiny")
        self.set_class(self._in_checklist, "-list")
        self.set_class(self.shown_attempt() is None, "-silent")

    def on_resize(self) -> None:
        self.shape()
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Make all lines again."""
        if not self.is_mounted or not self.is_running:
            return
        self.shape()
        self.checklist.draw()
        self._draw_top()
        self.draw_panels()
        self._draw_step()
        self._draw_output()
        self._draw_keys()
        self.plan_if_needed()

    @abstractmethod
    def plan_if_needed(self) -> None:
        """Have the plan of the step under the cursor made, if nobody has yet."""

    def _draw_top(self) -> None:
        incident, now = self.session.incident, self.session.clock.now()
        width = self.query_one("#top-line", StatusLine).size.width
        lease = self.session.lease
        line = top_bar(
            incident,
            self.session.runbook.environment,
            self.session.next_update_due,
            now,
            max(width, 20),
            self.text_styles,
            steady=incident.elapsed_now(self.session.clock),
            driving=self.session.driving,
            journal=self.journal_trouble,
            watching=len(self.session.observers),
            silent=lease.silent_s if lease.state is DriverState.UNRESPONSIVE else None,
        )
        self.query_one("#top-line", StatusLine).show(line)
        beneath = self.app.screen is not self  # what changes there is sent by whole rows: once a minute will do
        self.query_one("#clock", StatusLine).show(
            self.text_styles.ink(f"{now:%H:%M} UTC".rjust(12) if beneath else f"{now:%H:%M:%S} UTC")
        )
        settled, total = incident.counts(self.session.runbook.steps())
        found = f", {self.checklist.found} found" if self.checklist.term else ""
        self._title(self.checklist, f"Checklist {settled} of {total}{found}")

    def _title(self, widget: LineView | OutputView, text: str) -> None:
        beside_a_corner = bool(widget.styles.border_left[0])  # where a blank stands already
        title = self.text_styles.ink(f"{text} " if beside_a_corner else f" {text} ")
        if widget.border_title != title.markup:
            widget.border_title = title  # content, so that it is never read as markup

    def draw_panels(self) -> None:
        """A column where there is room for one, else a strip of a few lines."""
        now, panels = self.session.clock.now(), [self._standing(panel) for panel in self.panels.values()]
        if self.has_class("-wide"):
            live, criteria = self.query_one("#live", LineView), self.query_one("#criteria", LineView)
            live.show(column_lines(panels, now, live.room, max(live.size.height, 6), self.text_styles))
            lines = criteria_lines(self.session.runbook, self.session.incident, criteria.room, self.text_styles)
            criteria.styles.height = len(lines) + 1 if lines else 0
            criteria.set_class(not lines, "-none")
            criteria.show(lines)
            self._title(live, "Live")
            self._title(criteria, "Closure")
            return
        strip = self.query_one("#strip", LineView)
        tiny = self.has_class("-tiny")
        room = strip.room - 1  # as far to the right as the line above
        lines = (
            [worst_line(panels, now, room, self.text_styles)]
            if tiny
            else summary_lines(panels, now, room, self.text_styles)
        )
        strip.styles.height = len(lines)
        strip.show(lines)

    def _standing(self, panel: PanelState) -> PanelState:
        """The panel as it is drawn: what becomes better or worse is shown at once, a figure that moves a little later."""
        at, drawn = self._drawn.get(panel.name, (0.0, None))
        if drawn is None or drawn.standing != panel.standing or time.monotonic() - at >= FIGURES:
            self._drawn[panel.name] = (time.monotonic(), panel)
            return panel
        return drawn

    def _draw_step(self) -> None:
        sheet, step, phase = self.query_one("#step", LineView), self.step, self.checklist.phase
        self._title(sheet, f"{phase.section} {phase.title}".strip())
        if step is None:
            sheet.show(phase_lines(phase, self.session.incident, sheet.room, self.text_styles))
            return
        folder = self.session.attempt_folder(step.id)
        how_far = None
        if folder is not None and self.session.incident.status(step) is StepStatus.RUNNING:
            output_index = self.query_one("#output", OutputView).output_index
            written = output_index.bytes if output_index is not None and output_index.path == folder.output else 0
            told = read_progress(folder.progress)
            how_far = advance(told, self._pace, folder.progress, time.monotonic(), written)
        parts = self.parts(step, how_far)
        sheet.show(step_lines(parts, sheet.room, self.text_styles))

    def _draw_output(self) -> None:
        view, step = self.query_one("#output", OutputView), self.shown_attempt()
        folder = self.session.attempt_folder(step.id) if step else None
        view.follow(folder.output if folder else None)
        self._give_room(view, step)
        if step is not None:
            state = self.session.incident.steps.get(step.id)
            last = state.last if state else None
            how = last.outcome.value if last and last.outcome else "running"
            paused = "" if view.following else ", paused"
            self._title(
                view, f"Output of {step.number} {self.text_styles.signs.dot} {how}{self._figures(view, last)}{paused}"
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
        height = self.query_one("#body").size.height
        share = height // 2 if self.has_class("-wide") else height * 5 // 14
        under_way = step is not None and self.session.incident.status(step) is StepStatus.RUNNING
        lines = view.output_index.line_count if view.output_index else 0
        rows = share if under_way else min(max(lines + 1, 4), share)
        single = self.has_class("-silent") or self.has_class("-tiny")
        wanted = "1fr" if single else f"1fr {rows}"
        if wanted != self._grid_rows:
            self._grid_rows = wanted
            self.query_one("#body").styles.grid_rows = wanted

    def _draw_keys(self) -> None:
        width = max(self.app.size.width - 2, 10)
        line = footer_line(self.next().words, self._keys_now(), self.keymap, width, self.text_styles)
        self.query_one("#keys", StatusLine).show(line)
        self._draw_notice(width)

    def _keys_now(self) -> Iterator[tuple[Key, str]]:
        """The footer's keys, most useful first: in a small terminal what answers somebody, then what shows the hidden."""
        tiny, found = self.has_class("-tiny"), pending_request(self.session)
        first = (found.answer if found else "", *HIDDEN)
        for key in (
            sorted(KEYS, key=lambda key: first.index(key.id) if key.id in first else len(first)) if tiny else KEYS
        ):
            if not key.words or key.id == "help" or not self.check_action(key.id, ()):
                continue
            if key.id != "other_pane":
                yield key, key.words
            elif tiny:
                yield key, "step" if self._in_checklist else key.words

    def _draw_notice(self, width: int) -> None:
        notice, text = self.query_one("#notice", StatusLine), self._notice
        if time.monotonic() > self._notice_until:
            owed = self.session.incident.to_notify if self.session.driving else {}
            names = ", ".join(
                self.session.runbook.roles[role].name if role in self.session.runbook.roles else role for role in owed
            )
            words, style = (
                (f"Notify {names}: press {self._key('notify_people')}", WRONG) if owed else (self._called(), SOON)
            )
            text = self.text_styles.ink(f"{self.text_styles.signs.person} {words}", style) if words else Content("")
        notice.display = bool(text)
        notice.show(text.truncate(width, ellipsis=True) if text else text)

    def _called(self) -> str:
        """What somebody else wants of whoever sits here, with the key that answers it."""
        found = pending_request(self.session)
        if found is None:
            return ""
        return f"{found.message}: press {self._key(found.answer)}" if found.answer else found.message

    def _key(self, name: str) -> str:
        return shown(self.keymap.get(name, BY_ID[name].key), ascii=self.text_styles.ascii)

    def notice(self, text: str, style: str = SOON) -> None:
        self._notice = self.text_styles.ink(f"{self.text_styles.signs.person} {text}", style)
        self._notice_until = time.monotonic() + _NOTICE
        self.redraw()
