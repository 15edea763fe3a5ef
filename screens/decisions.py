"""What the operator may decide on the incident screen: each key opens one dialog, and the dialog calls the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from textual.content import Content
from textual.screen import Screen

from midwatch.incident.state import StepStatus
from midwatch.plan import Plan, Risk
from midwatch.rules import name_to_type, risk_of
from midwatch.runbook.model import Step, StepKind
from screens.cancel import CancelStep
from screens.closure import Closure
from screens.confirm import Confirm
from screens.desk import Desk
from screens.help import help_page
from screens.leave import Leave
from screens.looks import Looks
from screens.note import NoteForm
from screens.output import OutputScreen
from screens.page import Page
from screens.reason import ask_reason
from screens.severity import SeverityForm
from screens.tell import TellForm
from screens.tick import Tick
from screens.timeline import timeline_page
from screens.update import UpdateForm
from screens.widgets.aside import aside, writing
from screens.widgets.dialog import Dialog
from screens.widgets.pen import SOON, WRONG, Pen
from screens.widgets.step_page import PageParts, step_lines


class Decisions(Screen[None]):
    """The half of the incident screen that acts."""

    desk: Desk
    pen: Pen
    looks: Looks
    keymap: Mapping[str, str]

    @property
    def step(self) -> Step | None:
        """The step under the cursor; None on a phase."""
        raise NotImplementedError

    def follow_next(self) -> None:
        """Have the cursor go with what is next again."""
        raise NotImplementedError

    def notice(self, text: str, style: str = SOON) -> None:
        """One sentence for the operator."""
        raise NotImplementedError

    def shown_attempt(self) -> Step | None:
        """The step whose output is shown."""
        raise NotImplementedError

    # What may be done now

    def may(self, action: str) -> bool:
        """Whether a key of the registry does something now."""
        step, incident = self.step, self.desk.incident
        status = incident.status(step) if step else None
        manual = step is not None and step.kind is StepKind.MANUAL
        undecided = status in (StepStatus.TODO, StepStatus.FAILED, StepStatus.UNKNOWN)
        special: dict[str, Callable[[], bool]] = {
            "cancel_step": lambda: status is StepStatus.RUNNING,
            "plan_again": lambda: undecided and not manual,
            "skip": lambda: undecided,
            "fail": lambda: manual and status is StepStatus.TODO,
            "by_hand": lambda: not manual and status in (StepStatus.FAILED, StepStatus.UNKNOWN),
            "again": lambda: (
                status in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED)
                or (manual and status is StepStatus.FAILED)
            ),
            "tell": lambda: bool(self.desk.runbook.roles),
            "update": lambda: incident.open,
            "detail": lambda: step is not None,
            "output": lambda: self.shown_attempt() is not None,
            "find": lambda: self.shown_attempt() is not None,
            "pause": lambda: self.shown_attempt() is not None,
        }
        return special.get(action, lambda: True)()

    # Running

    def run_step(self, step: Step, reason: str = "") -> None:
        """Run it: at once where nothing is touched, after consent where something is; a stale plan is made again first."""
        if not self.looks.fresh(step.id):
            self.looks.look(step.id, then=partial(self.run_step, step, reason))
            return
        look = self.looks.of(step.id)
        if look.plan is None or look.at is None or self.app.screen is not self:
            return
        if look.plan.refusal:
            self.notice(look.plan.refusal, WRONG)
            return
        start = partial(self._start, step, look.plan, reason)
        if risk_of(step, look.plan) is Risk.OBSERVE:
            aside(self, lambda: start(""), lambda _: None, lambda why: self.notice(why, WRONG), name=f"start {step.id}")
            self.follow_next()
            return
        name = name_to_type(step, look.plan)
        self.open(Confirm(self.pen, step, look.plan, look.at, self.desk.clock, name=name, submit=start))

    def _start(self, step: Step, plan: Plan, reason: str, typed: str) -> None:
        self.desk.start(step.id, plan, typed=typed, reason=reason)
        self.looks.forget(step.id)

    def open(self, dialog: Dialog) -> None:
        """Show a dialog; when what it asks for was done, the cursor goes on."""

        def closed(done: bool | None) -> None:
            if done:
                self.follow_next()

        self.app.push_screen(dialog, closed)

    def open_quietly(self, dialog: Dialog) -> None:
        """Show a dialog that does not move the cursor."""
        self.app.push_screen(dialog)

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

    def _reason(self, title: str, prompt: str, words: str, accept: str, submit: Callable[[str], object]) -> None:
        if self.step:
            self.open(ask_reason(self.pen, self.step, title, prompt, words, accept, submit))

    def action_skip(self) -> None:
        if step := self.step:
            words = "It stays undone, and the timeline says why. It can be done later: r."
            self._reason("Skip", "Why is it skipped?", words, "Skip", partial(self.desk.skip, step.id))

    def action_fail(self) -> None:
        if step := self.step:
            words = step.on_failure.advice or "It counts as failed until somebody decides what to do instead."
            self._reason("Failed:", "What went wrong?", words, "Failed", partial(self.desk.fail, step.id))

    def action_by_hand(self) -> None:
        if step := self.step:
            submit = partial(self._ticked_by_hand, step)
            self._reason("By hand:", "How was it done?", "What Midwatch could not do, you did.", "Done", submit)

    def _ticked_by_hand(self, step: Step, note: str) -> None:
        self.desk.tick(step.id, note=note)

    def action_again(self) -> None:
        """A settled step again: a manual one is opened again; one that a machine does is run with the reason."""
        step = self.step
        if step is None:
            return
        words = "What it did before stays in the timeline."
        if step.kind is StepKind.MANUAL:
            self._reason("Again:", "Why again?", words, "Open again", partial(self.desk.reopen, step.id))
            return
        given: list[str] = []

        def closed(done: bool | None) -> None:
            if done and given:
                self.run_step(step, given[-1])

        self.looks.forget(step.id)
        self.app.push_screen(ask_reason(self.pen, step, "Run again:", "Why again?", words, "Go on", given.append), closed)

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
        folder = self.desk.attempt_folder(step.id) if step else None
        if step is None or folder is None:
            return None
        screen = OutputScreen(self.pen, f"Output of {step.number} {step.title}", folder.output)
        self.app.push_screen(screen)
        return screen

    def action_find(self) -> None:
        screen = self.action_output()
        if screen is not None:
            screen.call_after_refresh(screen.action_find)

    def action_detail(self) -> None:
        if step := self.step:
            self.app.push_screen(Page(self.pen, f"{step.number} {step.title}", partial(self._detail, step)))

    def _detail(self, step: Step, width: int) -> list[Content]:
        parts = PageParts(
            step, self.desk.runbook, self.desk.incident, self.looks.of(step.id), self.desk.clock.now(), whole=True
        )
        return step_lines(parts, width, self.pen)

    def action_timeline(self) -> None:
        self.app.push_screen(timeline_page(self.pen, self.desk))

    def action_help(self) -> None:
        self.app.push_screen(help_page(self.pen, self.keymap, driving=self.desk.driving))

    def action_leave(self) -> None:
        def closed(done: bool | None) -> None:
            if done and writing():
                self.notice("One moment: a step is being started")
            elif done:
                self.app.exit(True)

        self.app.push_screen(Leave(self.pen, self.desk), closed)
