"""The incident screen: what is next, what it will touch, what it says, and whether things get worse."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content

from midwatch.incident.state import StepStatus
from midwatch.probe import Reading
from midwatch.runbook.model import Step, StepKind
from midwatch.supervisor.progress import read_progress
from screens.closure import criteria_lines
from screens.decisions import Decisions
from screens.deeds import Deed, Next, next_deed
from screens.desk import Desk
from screens.keys import BINDINGS, BY_ID, KEYS, shown
from screens.live import Live, Source
from screens.looks import Looks
from screens.page import Page
from screens.widgets.aside import aside
from screens.widgets.checklist import Checklist
from screens.widgets.checklist_rows import counts
from screens.widgets.output_view import OutputView
from screens.widgets.panel_lines import PanelState, column_lines, page_lines, strip_lines, worst_line
from screens.widgets.pen import CHOSEN, FAINT, SOON, WRONG, Pen
from screens.widgets.progress_lines import Advance
from screens.widgets.quiet import Quiet
from screens.widgets.rows import edges
from screens.widgets.sheet import Sheet
from screens.widgets.step_page import PageParts, phase_lines, step_lines
from screens.widgets.top_line import top_line

POLLS = 1 / 3
"""Seconds between two looks at what has happened."""
AFTER_A_MOVE = 0.5
"""Seconds in which Enter is not heard after the cursor moved by itself: it was meant for the step before."""
_NOTICE = 12.0
WIDE, TINY = 160, (72, 20)


class IncidentScreen(Decisions):
    """One incident. It holds nothing of its own but where the cursor is."""

    CSS_PATH = "incident.tcss"
    BINDINGS = BINDINGS
    AUTO_FOCUS = "#checklist"

    def __init__(self, desk: Desk, pen: Pen, sources: Sequence[Source] = (), keymap: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.desk, self.pen, self.keymap = desk, pen, keymap or {}
        self.looks = Looks(self, desk, self.redraw)
        self.panels = {source.name: PanelState(source.name, source.title, source.every) for source in sources}
        self._sources = sources
        self._live = Live(self, desk.clock, self._took)
        self._following, self._moved_at = True, 0.0
        self._polling, self._notice, self._notice_until = False, Content(""), 0.0
        self._in_checklist = False
        self.set_class(pen.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield Quiet(id="top-line")
            yield Quiet(id="clock")
        yield Sheet(id="strip", focus=False)
        with Container(id="body"):
            with Vertical(id="left"):
                yield Checklist(self.pen, id="checklist")
                yield Sheet(id="criteria", focus=False)
            yield Sheet(id="step")
            yield Sheet(id="live", focus=False)
            yield OutputView(self.pen, id="output")
        yield Quiet(id="notice")
        yield Quiet(id="keys")

    def on_mount(self) -> None:
        self.checklist.set_up(self.desk)
        self._go_with_next()
        self._shape()
        self.set_interval(POLLS, self._poll)
        self.set_interval(1, self.redraw)
        for source in self._sources:
            self._live.watch(source)
        self.call_after_refresh(self.redraw)

    def on_unmount(self) -> None:
        self._live.end()

    # What is shown

    @property
    def checklist(self) -> Checklist:
        return self.query_one("#checklist", Checklist)

    @property
    def step(self) -> Step | None:
        return self.checklist.step

    def next(self) -> Next:
        """What Enter does now."""
        return next_deed(self.desk, self.step, self.looks.of(self.step.id if self.step else ""))

    def shown_attempt(self) -> Step | None:
        """The step under the cursor if it ever ran, else the one that ran last."""
        if self.step is not None and self.desk.attempt_folder(self.step.id) is not None:
            return self.step
        ran = [state for state in list(self.desk.incident.steps.values()) if state.last is not None]
        newest = max(ran, key=lambda state: state.attempts[-1].confirmed_at, default=None)
        return self.desk.runbook.step(newest.id) if newest else None

    def _shape(self) -> None:
        """Which of the layouts fits the terminal."""
        width, height = self.app.size
        self.set_class(width >= WIDE, "-wide")
        self.set_class(width < TINY[0] or height < TINY[1], "-tiny")
        self.set_class(self._in_checklist, "-list")
        self.set_class(self.shown_attempt() is None, "-silent")

    def on_resize(self) -> None:
        self._shape()
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Make all lines again; those that did not change are not sent."""
        if not self.is_mounted or not self.is_running:
            return
        self._shape()
        self.checklist.draw()
        self._draw_top()
        self._draw_panels()
        self._draw_step()
        self._draw_output()
        self._draw_keys()
        self._look_if_needed()

    def _draw_top(self) -> None:
        incident, now = self.desk.incident, self.desk.clock.now()
        width = self.query_one("#top-line", Quiet).size.width
        line = top_line(incident, self.desk.next_update_due, now, max(width, 20), self.pen, driving=self.desk.driving)
        self.query_one("#top-line", Quiet).show(line)
        self.query_one("#clock", Quiet).show(self.pen.ink(f"{now:%H:%M:%S} UTC"))
        settled, total = counts(tuple(self.desk.runbook.steps()), incident)
        self._title(self.checklist, f"Checklist {settled} of {total}")

    def _title(self, widget: Sheet | OutputView, text: str) -> None:
        beside_a_corner = bool(widget.styles.border_left[0])  # where a blank stands already
        title = self.pen.ink(f"{text} " if beside_a_corner else f" {text} ")
        if widget.border_title != title.markup:
            widget.border_title = title  # content, so that it is never read as markup

    def _draw_panels(self) -> None:
        now, panels = self.desk.clock.now(), list(self.panels.values())
        if self.has_class("-wide"):
            live, criteria = self.query_one("#live", Sheet), self.query_one("#criteria", Sheet)
            live.show(column_lines(panels, now, live.room, max(live.size.height, 6), self.pen))
            lines = criteria_lines(self.desk.runbook, self.desk.incident, criteria.room, self.pen)
            criteria.styles.height = len(lines) + 1 if lines else 0
            criteria.show(lines)
            self._title(live, "Live")
            self._title(criteria, "Closure")
            return
        strip = self.query_one("#strip", Sheet)
        tiny = self.has_class("-tiny")
        lines = [worst_line(panels, now, strip.room, self.pen)] if tiny else strip_lines(panels, now, strip.room, self.pen)
        strip.styles.height = len(lines)
        strip.show(lines)

    def _draw_step(self) -> None:
        sheet, step, phase = self.query_one("#step", Sheet), self.step, self.checklist.phase
        self._title(sheet, f"{phase.section} {phase.title}".strip())
        if step is None:
            sheet.show(phase_lines(phase, self.desk.incident, sheet.room, self.pen))
            return
        folder = self.desk.attempt_folder(step.id)
        advance = None
        if folder is not None and self.desk.incident.status(step) is StepStatus.RUNNING:
            progress, spool = read_progress(folder.progress), self.query_one("#output", OutputView).spool
            written = spool.bytes if spool is not None and spool.path == folder.output else 0
            advance = Advance(progress.done if progress else None, progress.total if progress else None, written)
        look = self.looks.of(step.id)
        parts = PageParts(step, self.desk.runbook, self.desk.incident, look, self.desk.clock.now(), advance)
        sheet.show(step_lines(parts, sheet.room, self.pen))

    def _draw_output(self) -> None:
        view, step = self.query_one("#output", OutputView), self.shown_attempt()
        folder = self.desk.attempt_folder(step.id) if step else None
        view.follow(folder.output if folder else None)
        if step is not None:
            state = self.desk.incident.steps.get(step.id)
            last = state.last if state else None
            how = last.outcome.value if last and last.outcome else "under way"
            paused = "" if view.following else ", paused"
            self._title(view, f"Output of {step.number} {self.pen.signs.dot} {how}{paused}")

    def _draw_keys(self) -> None:
        width, deed = max(self.app.size.width - 2, 10), self.next()
        first = Content.assemble(self.pen.ink("Enter", f"bold {CHOSEN}"), self.pen.ink(f" {deed.words}", CHOSEN))
        help_ = Content.assemble(self.pen.ink("?", "bold"), self.pen.ink(" help", FAINT))
        parts, used = [first], first.cell_length + help_.cell_length + 3
        for key in KEYS:
            if not key.words or key.id == "help" or not self.check_action(key.id, ()):
                continue
            if key.id == "other_pane" and not self.has_class("-tiny"):
                continue
            words = "step" if key.id == "other_pane" and self._in_checklist else key.words
            name = shown(self.keymap.get(key.id, key.key), ascii=self.pen.ascii)
            part = Content.assemble(self.pen.ink(name, "bold"), self.pen.ink(f" {words}", FAINT))
            if used + part.cell_length + 3 > width:
                continue
            parts.append(part)
            used += part.cell_length + 3
        self.query_one("#keys", Quiet).show(edges(Content("   ").join(parts), help_, width))
        self._draw_notice(width)

    def _draw_notice(self, width: int) -> None:
        notice, text = self.query_one("#notice", Quiet), self._notice
        if time.monotonic() > self._notice_until:
            owed = self.desk.incident.to_tell
            names = ", ".join(self.desk.runbook.roles[role].name if role in self.desk.runbook.roles else role for role in owed)
            text = self.pen.ink(f"{self.pen.signs.person} Tell {names}: press t", WRONG) if owed else Content("")
        notice.display = bool(text)
        notice.show(text.truncate(width, ellipsis=True) if text else text)

    def notice(self, text: str, style: str = SOON) -> None:
        self._notice = self.pen.ink(f"{self.pen.signs.person} {text}", style)
        self._notice_until = time.monotonic() + _NOTICE
        self.redraw()

    # What happens by itself

    def _poll(self) -> None:
        if not self._polling:
            self._polling = True
            aside(self, self.desk.poll, self._polled, self._poll_failed, name="poll")

    def _polled(self, changed: list[str]) -> None:
        self._polling = False
        if changed:
            for step_id in changed:
                self.looks.forget(step_id)
            if self._following:
                self._go_with_next()
            self._live.look_now()
            self.redraw()

    def _poll_failed(self, sentence: str) -> None:
        self._polling = False
        self.notice(sentence, WRONG)

    def _took(self, reading: Reading) -> None:
        if reading.probe in self.panels:
            self.panels[reading.probe] = self.panels[reading.probe].taking(reading)
            self._draw_panels()

    def _look_if_needed(self) -> None:
        """Plan the step under the cursor, once, so that the plan stands there before anybody asks."""
        step = self.step
        if step is None or step.kind is StepKind.MANUAL or not self.desk.driving or not self.desk.incident.open:
            return
        incident, look = self.desk.incident, self.looks.of(step.id)
        if look.looking or look.plan is not None or look.error or incident.unmet_needs(step, self.desk.runbook):
            return
        if incident.status(step) in (StepStatus.TODO, StepStatus.FAILED):
            self.looks.look(step.id)

    def _go_with_next(self) -> None:
        """Put the cursor on the step that runs, or on the one that is next."""
        running = self.desk.incident.running()
        step = self.desk.runbook.step(running[-1].id) if running else self.desk.incident.next_step(self.desk.runbook)
        if step is not None and step is not self.step:
            self.checklist.go_to(step.id)
            self._moved_at = time.monotonic()

    def follow_next(self) -> None:
        self._following = True
        self._go_with_next()
        self.redraw()

    def on_checklist_moved(self) -> None:
        """The operator moved the cursor: it stays where it was put."""
        self._following = False
        self.redraw()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        key = BY_ID.get(action)
        if key is None:
            return True
        if key.writes and not (self.desk.driving and self.desk.incident.open):
            return False
        return self.may(action)

    def action_go(self) -> None:
        """The next sensible thing."""
        if time.monotonic() - self._moved_at < AFTER_A_MOVE:
            return
        step, deed = self.step, self.next()
        if deed.deed is Deed.GO:
            self._following = not self.desk.incident.unmet_needs(step, self.desk.runbook) if step else True
            self.checklist.go_to(deed.step)
            self.redraw()
        elif deed.deed is Deed.CLOSE:
            self.action_closure()
        elif deed.deed is Deed.TIMELINE:
            self.action_timeline()
        elif deed.deed is Deed.OUTPUT:
            self.action_output()
        elif deed.deed is Deed.FOLD:
            self.checklist.action_fold(not self.checklist.phase_open)
        elif step is not None:
            {Deed.RUN: self.run_step, Deed.TICK: self.tick}.get(deed.deed, self._other)(step)

    def _other(self, step: Step) -> None:
        deed = self.next().deed
        if deed is Deed.AGAIN:
            self.action_again()
        elif deed is Deed.PLAN:
            self.action_plan_again()

    def action_pause(self) -> None:
        self.query_one("#output", OutputView).pause()
        self.redraw()

    def action_to_next(self) -> None:
        self.follow_next()

    def action_other_pane(self) -> None:
        if self.has_class("-tiny"):
            self._in_checklist = not self._in_checklist
            self._shape()
            self.call_after_refresh(self.redraw)

    def action_panels(self) -> None:
        def lines(width: int) -> list[Content]:
            found: list[Content] = []
            for panel in self.panels.values():
                found += [*page_lines(panel, self.desk.clock.now(), width, self.pen), Content("")]
            return found

        self.app.push_screen(Page(self.pen, "Live", lines))
