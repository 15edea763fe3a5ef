"""The incident screen: what is next, what it will touch, what it says, and whether things get worse."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.message import Message

from midwatch.api.probe import Reading
from midwatch.control.lease import DriverState
from midwatch.engine import workflow
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.pending_requests import control_notice
from midwatch.engine.rehearsal_end import RehearsalEnd
from midwatch.engine.workflow import ActionKind, current_step
from midwatch.incident.source_note import watcher_notice
from midwatch.journal.notices import journal_notice
from midwatch.reports.seen_before import PastIncident, seen_before
from midwatch.runbook.loops import loop_of
from midwatch.runbook.model import Step, StepKind
from midwatch.supervisor.logind import logout_kills
from screens.incident.absence import Absence
from screens.incident.alarms import Alarms
from screens.incident.collaboration import Collaboration
from screens.incident.commands import Commands
from screens.incident.enter_guard import EnterGuard
from screens.incident.layout import Layout
from screens.incident.panel_poller import PanelPoller, Source
from screens.incident.plan_cache import PlanCache
from screens.incident.primary_action import NextAction, ScreenAction, next_action
from screens.incident.step_runner import StepRunner
from screens.keys.incident_keys import BINDINGS, MOVE_IDS
from screens.pages.panel import PanelPage
from screens.widgets.background import WorkFailed, in_background, start_work
from screens.widgets.base_screen import BaseScreen
from screens.widgets.checklist import Checklist
from screens.widgets.filter_line import FilterLine
from screens.widgets.held_keys import HeldKeys
from screens.widgets.line_view import LineView
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import CHOSEN, SOON, WRONG, TextStyles

POLLS = 1 / 3
"""Seconds between two looks at what has happened."""


class IncidentScreen(BaseScreen[None]):
    """One incident. Composes the parts, and holds nothing of its own but where the cursor is."""

    CSS_PATH = "screen.tcss"
    BINDINGS = BINDINGS
    AUTO_FOCUS = "#checklist"
    offers_commands = True

    class Left(Message):
        """The operator leaves; `following` is the id of the incident that is opened next, empty for none."""

        def __init__(self, following: str) -> None:
            super().__init__()
            self.following = following

    def __init__(
        self,
        session: IncidentControls,
        text_styles: TextStyles,
        sources: Sequence[Source] = (),
        keymap: Mapping[str, str] | None = None,
        held_keys: HeldKeys | None = None,
        rehearsal: RehearsalEnd | None = None,
    ) -> None:
        super().__init__()
        self.rehearsal = rehearsal
        """Given where leaving this screen deletes everything."""
        self.session, self.text_styles, self.keymap = session, text_styles, keymap or {}
        self.panels = {source.name: PanelState(source.name, source.title, source.every) for source in sources}
        self.plan_cache = PlanCache(self, session, self.redraw)
        self.panes = Layout(self)
        collaboration = Collaboration(self)
        self._runner = StepRunner(self, collaboration)
        self.commands = Commands(self, self._runner, collaboration)
        self.held_keys = held_keys or HeldKeys()
        self._enter = EnterGuard(self.held_keys)
        self.absence, self._alarms = Absence(session, self.held_keys), Alarms(session)
        self._sources, self._poller = sources, PanelPoller(self, session.clock, self.take_reading)
        self._following = True
        self._need_checked: set[str] = set()
        """Steps whose need was checked by itself; after a failure Enter checks it again."""
        self._polling, self._noticed = False, len(session.events)
        self.past: Sequence[PastIncident] = ()
        """Earlier incidents of the runbook; read once, beside the loop."""

    class Rang(Message):
        """Sent to the application when something happened for which the terminal calls the operator."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def compose(self) -> ComposeResult:
        yield from self.panes.compose()

    def on_mount(self) -> None:
        self.checklist.set_up(self.session)
        self._go_with_next()
        self.panes.shape()
        self.set_interval(POLLS, self._start_poll)
        self.set_interval(1, self.redraw)
        for source in self._sources:
            self._poller.watch(source)
        self.call_after_refresh(self.redraw)
        start_work(self, self._warn_of_logouts)
        start_work(self, self._warn_of_edits)
        start_work(self, self._read_past)

    async def _warn_of_logouts(self) -> None:
        try:
            warning = self.commands.logout_warning = await in_background("logout", logout_kills)
        except WorkFailed as failed:
            warning = str(failed)
        if warning:
            self.notice(warning, SOON)

    async def _warn_of_edits(self) -> None:
        if self.session.driving and self.session.incident.open:
            difference = await in_background("edits", self.session.edited_source)
            if difference is not None:
                adopt = self.panes.key_name("adopt")
                self.notice(f"{difference.lines[0]} {adopt} shows it and goes on by it.", SOON)

    async def _read_past(self) -> None:
        session = self.session
        if not session.incident.open:
            return
        with contextlib.suppress(WorkFailed):  # what cannot be read is left out
            self.past = await in_background("earlier incidents", seen_before, session.folder, session.runbook.id)
        if not self.past:
            return
        self.redraw()
        if session.driving and not session.incident.steps:  # it was declared a moment ago
            self.notice(f"Seen before: {self.past[0].line(session.clock.now())}")

    def on_unmount(self) -> None:
        self._poller.end()

    def on_resize(self) -> None:
        self.panes.shape()
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.redraw)

    # What happens by itself

    def _start_poll(self) -> None:
        if not self._polling:
            self._polling = True
            start_work(self, self._poll)

    async def _poll(self) -> None:
        try:
            changed = await in_background("poll", self.session.poll)
        except WorkFailed as failed:
            self.panes.journal_trouble = str(failed)
            self.notice(str(failed), WRONG)
            return
        finally:
            self._polling = False
        self.panes.journal_trouble = ""
        self._show_journal_notices()
        if words := self._alarms.take():
            self.post_message(self.Rang(words))
        if (batch := self.session.batch) is not None:
            for problem in batch.take_problems():
                self.notice(f"Not started: {problem}", WRONG)
        if changed:
            for step_id in changed:
                self.plan_cache.forget(step_id)
                self.plan_cache.forget(loop_of(step_id)[0])
            if self._following:
                self._go_with_next()
            self._poller.poll_now()
            self.redraw()

    def _show_journal_notices(self) -> None:
        """What the journal says of itself, of its disk and of who drives is for the operator at once, not only for the
        timeline; and so is what the watcher found."""
        runbook, news = self.session.runbook, self.session.events[self._noticed :]
        if words := list(filter(None, (control_notice(event, runbook) for event in news))):
            self.panes.bottom.notice("; ".join(words), yields=True)
        if said := list(filter(None, (journal_notice(e.kind, e.body) or watcher_notice(e) for e in news))):
            self.notice("; ".join(said), SOON)
        self._noticed = len(self.session.events)

    def take_reading(self, reading: Reading) -> None:
        """Keep a reading of a panel and show it."""
        if reading.probe in self.panels:
            self.panels[reading.probe] = self.panels[reading.probe].taking(reading)
            self.panes.draw_panels()

    def redraw(self) -> None:
        """Make all lines again."""
        if self.is_mounted and self.is_running:
            self.absence.watch()
            self._note_meaning()
            self.panes.draw()
            self._plan_if_needed()
            self._check_need_if_due()

    def _plan_if_needed(self) -> None:
        """Plan the step under the cursor, once, so that the plan stands there before anybody asks."""
        step = self.step
        if step is None or step.kind is StepKind.MANUAL or not self.session.incident.open:
            return
        if not self.session.driving:
            self._show_driver_plan(step)
            return
        incident, look = self.session.incident, self.plan_cache.of(step.id)
        has_plan = look.plan is not None and not look.is_of_driver
        if look.planning or has_plan or look.error or incident.unmet_needs(step, self.session.runbook):
            return
        if incident.status(step).is_runnable:
            self.plan_cache.make_plan(step.id)

    def _show_driver_plan(self, step: Step) -> None:
        """Show what the driver reads, so that an observer reads the same before being asked to approve it."""
        status = self.session.incident.status(step)
        if self.session.lease.state is DriverState.ALIVE and status.waits:
            self.plan_cache.show_driver_plan(step.id)
        else:
            self.plan_cache.drop_driver_plan(step.id)

    def _check_need_if_due(self) -> None:
        """Evaluate the checks that decide whether the next step is needed, once, as soon as it is next."""
        found = workflow.next_action(self.session)
        if found.kind is ActionKind.CHECK_NEED and found.step not in self._need_checked:
            self._need_checked.add(found.step)
            start_work(self, self._runner.check_need, self.session.runbook.step(found.step))

    def notice(self, text: str, style: str = CHOSEN) -> None:
        """Show one sentence for a while: news, if the style does not say that it needs somebody or is wrong."""
        self.panes.bottom.notice(text, style)

    # Where the cursor is

    @property
    def checklist(self) -> Checklist:
        return self.query_one("#checklist", Checklist)

    @property
    def step(self) -> Step | None:
        """The step under the cursor; None on a phase."""
        return self.checklist.step

    @property
    def is_on_top(self) -> bool:
        """Whether no dialog or page is above this screen."""
        return self.app.screen is self

    def shown_attempt(self) -> Step | None:
        """The step under the cursor if it ever ran, else the one that ran last."""
        if self.step is not None and self.session.attempt_folder(self.step.id) is not None:
            return self.step
        ran = [state for state in list(self.session.incident.steps.values()) if state.last is not None]
        newest = max(ran, key=lambda state: state.attempts[-1].confirmed_at, default=None)
        return self.session.runbook.step(newest.id) if newest else None

    def _go_with_next(self) -> None:
        """Put the cursor on the step that runs, or on the one that is next."""
        step = current_step(self.session)
        if step is not None and step is not self.step:
            self.checklist.go_to(step.id)
            self._note_meaning()

    def follow_next(self) -> None:
        """Have the cursor go with what is next again."""
        self._following = True
        self._go_with_next()
        self.redraw()

    def go_to(self, step_id: str, *, following: bool) -> None:
        """Put the cursor on this step; `following`: it goes on with what is next."""
        self._following = following
        self.checklist.go_to(step_id)
        self.redraw()

    def on_checklist_moved(self) -> None:
        """The operator moved the cursor: it stays where it was put."""
        self._following = False
        self._note_meaning(by_hand=True)
        self.redraw()

    def on_filter_line_changed_to(self, message: FilterLine.ChangedTo) -> None:
        """Narrow the checklist while it is typed; the cursor goes to the first step that is found."""
        self.checklist.filter(message.term)
        self.redraw()

    def on_line_view_clicked(self, message: LineView.Clicked) -> None:
        """A click on a panel opens its page."""
        if message.view.id in ("strip", "live"):
            self.action_panel(self.panes.panel_at(message))

    def on_filter_line_left(self) -> None:
        self.checklist.focus()
        self.redraw()

    # What Enter does

    def next_action(self) -> NextAction:
        """What Enter does now."""
        look = self.plan_cache.of(self.step.id if self.step else "")
        return next_action(self.session, self.step, look, self._runner.inconclusive)

    @property
    def _meaning(self) -> object:
        found, step = self.next_action(), self.step
        waits = found.action in (ScreenAction.WAIT, ScreenAction.PLAN)
        action = ActionKind.RUN if waits else found.action
        return action, step.id if step else self.checklist.phase.id, found.step

    def _note_meaning(self, *, by_hand: bool = False) -> None:
        self._enter.note(self._meaning, by_hand=by_hand)

    def is_enter_meant(self) -> bool:
        """Whether Enter was pressed for what it does now."""
        return self._enter.is_meant(self._meaning)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.commands.may(str(parameters[0])) if action == "press" else True

    def is_move(self, key: str) -> bool:
        """Whether this key only moves, so that it may be held."""
        active = self.active_bindings.get(key)
        return active is not None and active.node is self and active.binding.id in MOVE_IDS

    def action_press(self, name: str) -> None:
        """Do what the key of this name does."""
        self.commands.press(name)

    def action_panel(self, number: int) -> None:
        """One panel with all that is known of it."""
        if 1 <= number <= len(self.panels):
            self.app.push_screen(PanelPage(self.text_styles, lambda: self.panels, self.session.clock, number))
