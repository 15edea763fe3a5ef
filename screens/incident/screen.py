"""The incident screen: what is next, what it will touch, what it says, and whether things get worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from midwatch.api.probe import Reading
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.workflow import current_step
from midwatch.incident.state import StepStatus
from midwatch.journal.notices import journal_notice
from midwatch.runbook.model import StepKind
from midwatch.supervisor.logind import logout_kills
from screens.incident.layout import Layout
from screens.incident.panel_poller import PanelPoller, Source
from screens.incident.plan_cache import PlanCache
from screens.incident.primary_action import PrimaryAction
from screens.keys.incident_keys import BINDINGS, BY_ID
from screens.pages.panel import PanelPage
from screens.pages.panels import PanelsPage
from screens.widgets.background import run_in_background
from screens.widgets.filter_line import FilterLine
from screens.widgets.hand import Hand
from screens.widgets.output_view import OutputView
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import SOON, WRONG, TextStyles

POLLS = 1 / 3
"""Seconds between two looks at what has happened."""
AFTER_A_MOVE = 0.5
"""Seconds without Enter before it acts on a new step, or does something else than before: it was meant for the step before."""


class IncidentScreen(Layout):
    """One incident. It holds nothing of its own but where the cursor is."""

    CSS_PATH = "screen.tcss"
    BINDINGS = BINDINGS
    AUTO_FOCUS = "#checklist"

    def __init__(
        self,
        session: IncidentControls,
        text_styles: TextStyles,
        sources: Sequence[Source] = (),
        keymap: Mapping[str, str] | None = None,
        hand: Hand | None = None,
    ) -> None:
        super().__init__()
        self.session, self.text_styles, self.keymap = session, text_styles, keymap or {}
        self.plan_cache = PlanCache(self, session, self.redraw)
        self.panels = {source.name: PanelState(source.name, source.title, source.every) for source in sources}
        self._sources = sources
        self._live = PanelPoller(self, session.clock, self._took)
        self._following = True
        self._hand = hand or Hand()
        self._meaning: object = None
        """What Enter does, as it was when it was looked at last."""
        self._meant: object = None
        """What Enter did when it did something last."""
        self._moved_at = 0.0
        """When what Enter does changed by itself."""
        self._polling, self._told = False, len(session.events)
        self.inconclusive = set()
        self.set_up_layout()

    def on_mount(self) -> None:
        self.checklist.set_up(self.session)
        self._go_with_next()
        self.shape()
        self.set_interval(POLLS, self._poll)
        self.set_interval(1, self.redraw)
        for source in self._sources:
            self._live.watch(source)
        self.call_after_refresh(self.redraw)
        run_in_background(self, logout_kills, self._told_of_logouts, self.notice, name="logout")

    def _told_of_logouts(self, warning: str) -> None:
        self.logout_warning = warning
        if warning:
            self.notice(warning)

    def on_unmount(self) -> None:
        self._live.end()

    # What happens by itself

    def _poll(self) -> None:
        if not self._polling:
            self._polling = True
            run_in_background(self, self.session.poll, self._polled, self._poll_failed, name="poll")

    def _polled(self, changed: list[str]) -> None:
        self._polling, self.journal_trouble = False, ""
        self._tell_of_the_journal()
        if changed:
            for step_id in changed:
                self.plan_cache.forget(step_id)
            if self._following:
                self._go_with_next()
            self._live.poll_now()
            self.redraw()

    def _tell_of_the_journal(self) -> None:
        """What it tells of itself and of its disk is for the operator at once, not only for the timeline."""
        for event in self.session.events[self._told :]:
            if words := journal_notice(event.kind, event.body):
                self.notice(words, SOON)
        self._told = len(self.session.events)

    def _poll_failed(self, sentence: str) -> None:
        self._polling, self.journal_trouble = False, sentence
        self.notice(sentence, WRONG)

    def _took(self, reading: Reading) -> None:
        if reading.probe in self.panels:
            self.panels[reading.probe] = self.panels[reading.probe].taking(reading)
            self.draw_panels()

    def plan_if_needed(self) -> None:
        """Plan the step under the cursor, once, so that the plan stands there before anybody asks."""
        step = self.step
        if step is None or step.kind is StepKind.MANUAL or not self.session.driving or not self.session.incident.open:
            return
        incident, look = self.session.incident, self.plan_cache.of(step.id)
        if look.planning or look.plan is not None or look.error or incident.unmet_needs(step, self.session.runbook):
            return
        if incident.status(step) in (StepStatus.TODO, StepStatus.FAILED):
            self.plan_cache.make_plan(step.id)

    def _go_with_next(self) -> None:
        """Put the cursor on the step that runs, or on the one that is next."""
        step = current_step(self.session)
        if step is not None and step is not self.step:
            self.checklist.go_to(step.id)
            self._note_meaning()

    def follow_next(self) -> None:
        self._following = True
        self._go_with_next()
        self.redraw()

    def redraw(self) -> None:
        if self.is_mounted and self.is_running:
            self._note_meaning()
        super().redraw()

    def _note_meaning(self, *, by_hand: bool = False) -> None:
        """Take note of a change of what Enter does: of the step, or because a step began or ended."""
        found, step = self.next(), self.step
        deed = PrimaryAction.RUN if found.action in (PrimaryAction.WAIT, PrimaryAction.PLAN) else found.action
        meaning = (deed, step.id if step else self.checklist.phase.id, found.step)
        if meaning != self._meaning:
            self._meaning = meaning
            if not by_hand:
                self._moved_at = self._hand.now()

    def _is_meant(self) -> bool:
        """Whether Enter was pressed for what it does now: a while after that changed by itself, and not while Enter is held."""
        self._note_meaning()
        changed_lately = self._hand.now() - self._moved_at < AFTER_A_MOVE
        too_fast = self._meaning != self._meant and self._hand.gap_s < AFTER_A_MOVE
        if changed_lately or too_fast:
            return False
        self._meant = self._meaning
        return True

    def on_checklist_moved(self) -> None:
        """The operator moved the cursor: it stays where it was put."""
        self._following = False
        self._note_meaning(by_hand=True)
        self.redraw()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        key = BY_ID.get(action)
        if key is None:
            return True
        if key.writes and not (self.session.driving and self.session.incident.open):
            return False
        return self.may(action)

    def action_go(self) -> None:
        """The next sensible thing."""
        if not self._is_meant():
            return
        step, deed = self.step, self.next()
        if deed.action is PrimaryAction.GO:
            self._following = not self.session.incident.unmet_needs(step, self.session.runbook) if step else True
            self.checklist.go_to(deed.step)
            self.redraw()
        elif deed.action is PrimaryAction.CLOSE:
            self.action_closure()
        elif deed.action is PrimaryAction.TIMELINE:
            self.action_timeline()
        elif deed.action is PrimaryAction.OUTPUT:
            self.action_output()
        elif deed.action is PrimaryAction.FOLD:
            self.checklist.action_fold(not self.checklist.phase_open)
        elif deed.action is PrimaryAction.CHECK_OUTCOME:
            self.action_check_outcome()
        elif deed.action is PrimaryAction.PLAN:
            self.action_plan_again()
        elif step is not None and deed.action is not PrimaryAction.WAIT:
            {
                PrimaryAction.RUN: self.run_step,
                PrimaryAction.MARK_DONE: self.mark_done,
                PrimaryAction.DECIDE: self.decide_need,
            }[deed.action](step)

    def action_find(self) -> None:
        """Filter the checklist; with the focus in the output, search that."""
        if self.focused is self.query_one("#output"):
            super().action_find()
        else:
            self._show_checklist(True)
            self.query_one("#filter", FilterLine).open(self.checklist.term)

    def on_filter_line_changed_to(self, message: FilterLine.ChangedTo) -> None:
        """Narrow the checklist while it is typed; the cursor goes to the first step that is found."""
        self.checklist.filter(message.term)
        self.redraw()

    def on_filter_line_left(self) -> None:
        self.checklist.focus()
        self.redraw()

    def action_other_run(self) -> None:
        """The next of the steps that run."""
        running = [state.id for state in self.session.incident.running()]
        if running:
            at = running.index(self.step.id) + 1 if self.step and self.step.id in running else 0
            self._following = False
            self.checklist.go_to(running[at % len(running)])
            self.redraw()

    def action_pause(self) -> None:
        self.query_one("#output", OutputView).pause()
        self.redraw()

    def action_to_next(self) -> None:
        self.follow_next()

    def action_other_pane(self) -> None:
        self._show_checklist(not self._in_checklist)

    def _show_checklist(self, shown: bool) -> None:
        if self.has_class("-tiny"):
            self._in_checklist = shown
            self.shape()
            self.call_after_refresh(self.redraw)

    def action_panels(self) -> None:
        self.app.push_screen(PanelsPage(self.text_styles, lambda: self.panels, self.session.clock))

    def action_panel(self, number: int) -> None:
        """One panel with all that is known of it."""
        if 1 <= number <= len(self.panels):
            self.app.push_screen(PanelPage(self.text_styles, lambda: self.panels, self.session.clock, number))
