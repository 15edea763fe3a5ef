"""Draws the incident screen: which arrangement fits, and every line of it, made again once a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content

from midwatch.control.lease import DriverState
from midwatch.engine.workflow import current_step
from midwatch.incident.step_state import Attempt
from midwatch.incident.step_status import StepStatus
from midwatch.output.progress import PACE, Advance, RateMeter, advance
from midwatch.reports.seen_before import last_done
from midwatch.runbook.model import Step
from midwatch.supervisor.progress import read_progress
from midwatch.system.actor import login
from screens.dialogs.close_incident import criteria_lines
from screens.incident.bottom_lines import BottomLines
from screens.widgets.checklist import Checklist
from screens.widgets.checklist_rows import checklist_width
from screens.widgets.filter_line import FilterLine
from screens.widgets.key_line import KeyLine
from screens.widgets.line_view import LineView
from screens.widgets.output_view import OutputView
from screens.widgets.panels.panel_lines import block_at, column_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.panels.panel_summary import cell_at, summary_lines, worst_line, worst_panel
from screens.widgets.status_line import StatusLine
from screens.widgets.step_history import last_ended, result_lines
from screens.widgets.step_page import phase_lines, step_lines
from screens.widgets.step_page_data import StepPageData
from screens.widgets.text_layout import fit
from screens.widgets.top_bar import top_bar

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen

HUGE, WIDE, TINY = 190, 160, (72, 20)
PANES = ("checklist", "step", "output")
FIGURES = 8.0
"""Seconds between two drawings of figures that move all the time, such as the free space of a busy disk."""


class Layout:
    """Lines that did not change are not sent to the terminal."""

    def __init__(self, screen: IncidentScreen) -> None:
        """A small terminal begins with the step."""
        self._screen, self._session, self._text_styles = screen, screen.session, screen.text_styles
        self.bottom = BottomLines(screen)
        self.in_checklist = False
        """Whether a small terminal shows the checklist instead of the step."""
        self.zoomed = ""
        """The pane that is shown alone; empty: all are shown."""
        self.journal_trouble = ""
        self._grid = ("", "")
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
        yield KeyLine(id="keys")

    def shape(self) -> None:
        """Which of the layouts fits the terminal."""
        width, height = self._screen.app.size
        self._screen.set_class(width >= WIDE, "-wide")
        self._screen.set_class(width < TINY[0] or height < TINY[1], "-tiny")
        self._screen.set_class(self.in_checklist, "-list")
        for pane in PANES:
            self._screen.set_class(self.zoomed == pane, f"-zoom-{pane}")
        self._screen.set_class(bool(self.zoomed), "-zoom")

    def show_checklist(self, shown: bool) -> None:
        """In a small terminal, show the checklist or the step."""
        if self._screen.has_class("-tiny"):
            self.in_checklist = shown
            self.shape()
            self._screen.call_after_refresh(self._screen.redraw)

    def draw(self) -> None:
        """Make all lines again."""
        self.shape()
        self._give_room()
        self._screen.checklist.draw()
        self._draw_top()
        self.draw_panels()
        self._draw_step()
        self._draw_output()
        self.bottom.draw()

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
            observers=self.others(),
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
        whole, room = f"Checklist {tally.words}", checklist.size.width - 4
        title = self._filtered(room) or (whole if len(whole) <= room else f"Checklist {tally.short_words}")
        self._title(checklist, title)

    def _filtered(self, room: int) -> str:
        """The filter in force, with what it found and its way out; empty without one."""
        checklist = self._screen.checklist
        if not checklist.term:
            return ""
        term, after = f"/{self._text_styles.clean(checklist.term)}", f": {checklist.found} found, Esc"
        after += " for all" if cell_len(term) + len(after) + len(" for all") <= room else ""
        return f"{fit(term, max(room - len(after), 6), self._text_styles)}{after}"

    def others(self) -> list[str]:
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

    def panel_at(self, clicked: LineView.Clicked) -> int:
        """The number of the panel whose lines were clicked; 0 for none."""
        panels = list(self._screen.panels.values())
        if clicked.view.id == "live":
            return block_at(panels, clicked.view.lines, clicked.line)
        if self._screen.has_class("-tiny"):
            return panels.index(worst_panel(panels, self._session.clock.now())) + 1 if panels else 0
        return cell_at(len(panels), clicked.view.room - 1, clicked.line, clicked.cell)

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
        title = f"{phase.section} {phase.title}".strip()
        hidden = self._screen.has_class("-tiny") and self._filtered(sheet.size.width - len(title) - 8)
        self._title(sheet, f"{title}  {hidden}" if hidden else title)
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
        lines = step_lines(self.parts(step, how_far), sheet.room, self._text_styles)
        sheet.show([*self._last_result(step, sheet.room), *lines])

    def _last_result(self, step: Step, width: int) -> list[Content]:
        """How the step before ended, above the one that is next or runs, until that one has a result of its own."""
        ended = last_ended(self._session.incident)
        if ended is None or ended.id == step.id or step is not current_step(self._session):
            return []
        tiny, shown = self._screen.has_class("-tiny"), self._screen.shown_attempt()
        key = self.key_name("output") if ended.last and shown and shown.id == ended.id else ""
        before = self._session.runbook.step(ended.id)
        lines = result_lines(before, ended, width, self._text_styles, output_key=key, most=5 if tiny else 8)
        return lines if tiny else [*lines, Content("")]

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
            output_key="" if whole else self.key_name("output"),
            earlier=last_done(self._screen.past, step.id, session.clock.now()),
            whole=whole,
        )

    def _draw_output(self) -> None:
        view, step = self._screen.query_one("#output", OutputView), self._screen.shown_attempt()
        folder = self._session.attempt_folder(step.id) if step else None
        view.follow(folder.output if folder else None)
        if step is None:
            self._title(view, f"Output {self._text_styles.signs.dot} no step has run yet")
        else:
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

    def _give_room(self) -> None:
        """Where checklist, step and output stand depends on the terminal and the runbook alone: nothing jumps."""
        body = self._screen.query_one("#body")
        if self._screen.has_class("-tiny") or self.zoomed:
            rows, columns = "1fr", "1fr"
        else:
            wide, (width, height) = self._screen.has_class("-wide"), body.size
            live = 0 if not wide else 58 if width >= HUGE else 54
            left = checklist_width(self._session.runbook, max(32, (width - live) * (50 if wide else 42) // 100))
            rows = f"1fr {height // 2 if wide else height * 5 // 14}"
            columns = f"{left} 1fr {live}" if wide else f"{left} 1fr"
        if (rows, columns) != self._grid:
            self._grid = rows, columns
            body.styles.grid_rows, body.styles.grid_columns = rows, columns

    def key_name(self, name: str) -> str:
        """The key that does this, as it stands on the keyboard."""
        return self.bottom.key_name(name)
