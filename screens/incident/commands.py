"""What the operator may decide on the incident screen: each key opens one dialog, and the dialog calls the session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.content import Content

from midwatch.engine.repository import Summary
from midwatch.incident.state import StepStatus
from midwatch.runbook.model import Step, StepKind
from screens.dialogs.cancel import CancelStep
from screens.dialogs.close_incident import CloseIncident
from screens.dialogs.leave import Leave
from screens.dialogs.mark_done import MarkDone
from screens.dialogs.note import NoteForm
from screens.dialogs.notify import NotifyForm
from screens.dialogs.palette import Palette
from screens.dialogs.severity import SeverityForm
from screens.dialogs.update import UpdateForm
from screens.incident.collaboration import Collaboration
from screens.keys.incident_keys import KEYS
from screens.pages.help import help_page
from screens.pages.incident_list import incident_lines, summaries
from screens.pages.output import OutputScreen
from screens.pages.page import Page
from screens.pages.timeline import TimelineScreen
from screens.widgets.background import run_in_background, writing
from screens.widgets.step_page import step_lines


class Commands(Collaboration):
    """The half of the incident screen that acts: which keys do something now, and what they do."""

    # What may be done now

    def may(self, action: str) -> bool:
        """Whether a key of the registry does something now."""
        step, incident = self.step, self.session.incident
        status = incident.status(step) if step else None
        manual = step is not None and step.kind is StepKind.MANUAL
        undecided = status in (StepStatus.TODO, StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.UNDECIDED)
        special: dict[str, Callable[[], bool]] = {
            "cancel_step": lambda: status is StepStatus.RUNNING,
            "plan_again": lambda: undecided and not manual,
            "skip": lambda: undecided,
            "fail": lambda: manual and status is StepStatus.TODO,
            "undo": lambda: (
                step is not None
                and status in (StepStatus.DONE, StepStatus.FAILED, StepStatus.UNKNOWN)
                and incident.step(step.id).last is not None
                and self.plan_cache.undoable(step) is True
            ),
            "check_outcome": lambda: status is StepStatus.UNKNOWN and step is not None and step.kind is StepKind.USES,
            "start_here": lambda: step is not None and undecided and bool(self.passed_over(step)),
            "manually": lambda: not manual and status in (StepStatus.FAILED, StepStatus.UNKNOWN),
            "again": lambda: (
                status in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED, StepStatus.UNDECIDED)
                or (manual and status is StepStatus.FAILED)
            ),
            "control": lambda: incident.open and not self.session.driving,
            "approve": lambda: not self.session.driving and bool(self.session.pending_steps()),
            "notify_people": lambda: bool(self.session.runbook.roles),
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
            self.open_quietly(CancelStep(self.text_styles, self.session, self.step))

    def action_plan_again(self) -> None:
        if self.step:
            self.plan_cache.forget(self.step.id)
            self.plan_cache.make_plan(self.step.id)

    def mark_done(self, step: Step) -> None:
        """A manual step is done."""
        self.open(MarkDone(self.text_styles, self.session, step, self.session.incident.steps.get(step.id)))

    def action_skip(self) -> None:
        if step := self.step:
            words = "It stays undone, and the timeline says why. It can be done later: r."
            self.reason("Skip", "Why is it skipped?", words, "Skip", partial(self.session.skip, step.id))

    def decide_need(self, step: Step) -> None:
        """Nobody can know whether the step is needed: the operator says that it is, and why. Skipping says that it is not."""
        words = f"{self.session.incident.condition(step).reason}. If it is not needed, skip it instead."
        self.reason("Needed:", "Why is it needed?", words, "Needed", partial(self.session.reopen, step.id))

    def action_fail(self) -> None:
        if step := self.step:
            words = step.on_failure.advice or "It counts as failed until somebody decides what to do instead."
            self.reason("Failed:", "What went wrong?", words, "Failed", partial(self.session.mark_failed, step.id))

    def action_manually(self) -> None:
        if step := self.step:
            submit = partial(self._confirm_done_manually, step)
            self.reason("Manually:", "How was it done?", "What Midwatch could not do, you did.", "Done", submit)

    def _confirm_done_manually(self, step: Step, note: str) -> None:
        self.session.mark_done(step.id, note=note)

    def action_again(self) -> None:
        """A concluded step again: a manual one is opened again; one that a machine does is planned, then run with a reason."""
        step = self.step
        if step is not None and step.kind is StepKind.MANUAL:
            words = "What it did before stays in the timeline."
            self.reason("Again:", "Why again?", words, "Open again", partial(self.session.reopen, step.id))
        elif step is not None:
            self.plan_cache.forget(step.id)
            self.run_step(step)

    def action_note(self) -> None:
        self.open_quietly(NoteForm(self.text_styles, self.session))

    def action_update(self) -> None:
        self.open_quietly(UpdateForm(self.text_styles, self.session))

    def action_notify_people(self) -> None:
        self.open_quietly(NotifyForm(self.text_styles, self.session))

    def action_severity(self) -> None:
        self.open_quietly(SeverityForm(self.text_styles, self.session))

    def action_closure(self) -> None:
        self.open_quietly(CloseIncident(self.text_styles, self.session))

    def action_output(self) -> OutputScreen | None:
        step = self.shown_attempt()
        if step is None or self.session.attempt_folder(step.id) is None:
            return None
        screen = OutputScreen(self.text_styles, self.session, step)
        self.app.push_screen(screen)
        return screen

    def action_find(self) -> None:
        screen = self.action_output()
        if screen is not None:
            screen.call_after_refresh(screen.action_find)

    def action_detail(self) -> None:
        if step := self.step:
            phase = next(phase for phase in self.session.runbook.phases if step in phase.steps)
            self.app.push_screen(
                Page(self.text_styles, f"{phase.section} {phase.title}".strip(), partial(self._detail, step))
            )

    def _detail(self, step: Step, width: int) -> list[Content]:
        return step_lines(self.parts(step, whole=True), width, self.text_styles)

    def action_timeline(self) -> None:
        self.app.push_screen(TimelineScreen(self.text_styles, self.session))

    def action_incidents(self) -> None:
        shelf = self.session.folder.path.parent.parent

        def shown(found: list[Summary]) -> None:
            here = self.session.incident.id
            self.app.push_screen(
                Page(self.text_styles, "Incidents", lambda width: incident_lines(found, here, width, self.text_styles))
            )

        run_in_background(self, partial(summaries, shelf), shown, self.notice, name="incidents")

    def action_palette(self) -> None:
        keys = [key for key in KEYS if key.id != "palette" and self.check_action(key.id, ())]
        palette = Palette(self.text_styles, keys, self.keymap)

        def closed(done: bool | None) -> None:
            if done:
                self.call_later(self.run_action, palette.chosen)

        self.app.push_screen(palette, closed)

    async def action_settings(self) -> None:
        await self.app.run_action("app.settings")

    def action_help(self) -> None:
        self.app.push_screen(help_page(self.text_styles, self.keymap, driving=self.session.driving))

    def action_leave(self) -> None:
        def closed(done: bool | None) -> None:
            if done and writing():
                self.notice("One moment: a step is being started")
            elif done:
                self.app.exit(True)

        self.app.push_screen(Leave(self.text_styles, self.session, self.logout_warning), closed)
