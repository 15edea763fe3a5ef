"""What the operator may decide on the incident screen: each key opens one dialog, and the dialog calls the desk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.content import Content

from midwatch.incident.shelf import Summary
from midwatch.incident.state import StepStatus
from midwatch.runbook.model import Step, StepKind
from screens.cancel import CancelStep
from screens.closure import Closure
from screens.company import Company
from screens.help import help_page
from screens.incidents import incident_lines, summaries
from screens.keys import KEYS
from screens.leave import Leave
from screens.note import NoteForm
from screens.output import OutputScreen
from screens.page import Page
from screens.palette import Palette
from screens.severity import SeverityForm
from screens.tell import TellForm
from screens.tick import Tick
from screens.timeline_screen import TimelineScreen
from screens.update import UpdateForm
from screens.widgets.aside import aside, writing
from screens.widgets.step_page import step_lines


class Decisions(Company):
    """The half of the incident screen that acts: which keys do something now, and what they do."""

    # What may be done now

    def may(self, action: str) -> bool:
        """Whether a key of the registry does something now."""
        step, incident = self.step, self.desk.incident
        status = incident.status(step) if step else None
        manual = step is not None and step.kind is StepKind.MANUAL
        undecided = status in (StepStatus.TODO, StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.UNDECIDED)
        special: dict[str, Callable[[], bool]] = {
            "cancel_step": lambda: status is StepStatus.RUNNING,
            "plan_again": lambda: undecided and not manual,
            "skip": lambda: undecided,
            "fail": lambda: manual and status is StepStatus.TODO,
            "take_back": lambda: (
                step is not None
                and status in (StepStatus.DONE, StepStatus.FAILED, StepStatus.UNKNOWN)
                and incident.step(step.id).last is not None
                and self.looks.undoable(step) is True
            ),
            "verify": lambda: status is StepStatus.UNKNOWN and step is not None and step.kind is StepKind.USES,
            "begin_here": lambda: step is not None and undecided and bool(self.passed_over(step)),
            "by_hand": lambda: not manual and status in (StepStatus.FAILED, StepStatus.UNKNOWN),
            "again": lambda: (
                status in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED, StepStatus.UNDECIDED)
                or (manual and status is StepStatus.FAILED)
            ),
            "wheel": lambda: incident.open and not self.desk.driving,
            "approve": lambda: not self.desk.driving and bool(self.desk.waiting()),
            "tell": lambda: bool(self.desk.runbook.roles),
            "update": lambda: incident.open,
            "detail": lambda: step is not None,
            "output": lambda: self.shown_attempt() is not None,
            "other_run": lambda: any(step is None or state.id != step.id for state in incident.running()),
            "pause": lambda: self.shown_attempt() is not None,
        }
        return special.get(action, lambda: True)()

    # One action a key

    def action_cancel_step(self) -> None:
        if self.step:
            self.open_quietly(CancelStep(self.pen, self.desk, self.step))

    def action_plan_again(self) -> None:
        if self.step:
            self.looks.forget(self.step.id)
            self.looks.look(self.step.id)

    def tick(self, step: Step) -> None:
        """A manual step is done."""
        self.open(Tick(self.pen, self.desk, step, self.desk.incident.steps.get(step.id)))

    def action_skip(self) -> None:
        if step := self.step:
            words = "It stays undone, and the timeline says why. It can be done later: r."
            self.reason("Skip", "Why is it skipped?", words, "Skip", partial(self.desk.skip, step.id))

    def decide_need(self, step: Step) -> None:
        """Nobody can know whether the step is needed: the operator says that it is, and why. Skipping says that it is not."""
        words = f"{self.desk.incident.condition(step).reason}. If it is not needed, skip it instead."
        self.reason("Needed:", "Why is it needed?", words, "Needed", partial(self.desk.reopen, step.id))

    def action_fail(self) -> None:
        if step := self.step:
            words = step.on_failure.advice or "It counts as failed until somebody decides what to do instead."
            self.reason("Failed:", "What went wrong?", words, "Failed", partial(self.desk.fail, step.id))

    def action_by_hand(self) -> None:
        if step := self.step:
            submit = partial(self._ticked_by_hand, step)
            self.reason("By hand:", "How was it done?", "What Midwatch could not do, you did.", "Done", submit)

    def _ticked_by_hand(self, step: Step, note: str) -> None:
        self.desk.tick(step.id, note=note)

    def action_again(self) -> None:
        """A settled step again: a manual one is opened again; one that a machine does is run with the reason."""
        step = self.step
        if step is None:
            return
        words = "What it did before stays in the timeline."
        if step.kind is StepKind.MANUAL:
            self.reason("Again:", "Why again?", words, "Open again", partial(self.desk.reopen, step.id))
            return
        self.looks.forget(step.id)
        self.with_reason(step, "Run again:", "Why again?", words, partial(self.run_step, step))

    def action_note(self) -> None:
        self.open_quietly(NoteForm(self.pen, self.desk))

    def action_update(self) -> None:
        self.open_quietly(UpdateForm(self.pen, self.desk))

    def action_tell(self) -> None:
        self.open_quietly(TellForm(self.pen, self.desk))

    def action_severity(self) -> None:
        self.open_quietly(SeverityForm(self.pen, self.desk))

    def action_closure(self) -> None:
        self.open_quietly(Closure(self.pen, self.desk))

    def action_output(self) -> OutputScreen | None:
        step = self.shown_attempt()
        if step is None or self.desk.attempt_folder(step.id) is None:
            return None
        screen = OutputScreen(self.pen, self.desk, step)
        self.app.push_screen(screen)
        return screen

    def action_find(self) -> None:
        screen = self.action_output()
        if screen is not None:
            screen.call_after_refresh(screen.action_find)

    def action_detail(self) -> None:
        if step := self.step:
            phase = next(phase for phase in self.desk.runbook.phases if step in phase.steps)
            self.app.push_screen(Page(self.pen, f"{phase.section} {phase.title}".strip(), partial(self._detail, step)))

    def _detail(self, step: Step, width: int) -> list[Content]:
        return step_lines(self.parts(step, whole=True), width, self.pen)

    def action_timeline(self) -> None:
        self.app.push_screen(TimelineScreen(self.pen, self.desk))

    def action_incidents(self) -> None:
        shelf = self.desk.folder.path.parent.parent

        def shown(found: list[Summary]) -> None:
            here = self.desk.incident.id
            self.app.push_screen(Page(self.pen, "Incidents", lambda width: incident_lines(found, here, width, self.pen)))

        aside(self, partial(summaries, shelf), shown, self.notice, name="incidents")

    def action_palette(self) -> None:
        keys = [key for key in KEYS if key.id != "palette" and self.check_action(key.id, ())]
        palette = Palette(self.pen, keys, self.keymap)

        def closed(done: bool | None) -> None:
            if done:
                self.call_later(self.run_action, palette.chosen)

        self.app.push_screen(palette, closed)

    async def action_settings(self) -> None:
        await self.app.run_action("app.settings")

    def action_help(self) -> None:
        self.app.push_screen(help_page(self.pen, self.keymap, driving=self.desk.driving))

    def action_leave(self) -> None:
        def closed(done: bool | None) -> None:
            if done and writing():
                self.notice("One moment: a step is being started")
            elif done:
                self.app.exit(True)

        self.app.push_screen(Leave(self.pen, self.desk, self.logout_warning), closed)
