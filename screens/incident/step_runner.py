"""The half of the incident screen that runs steps: run, undo, check the outcome, start from a later step."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from midwatch.api.plan import Plan
from midwatch.engine import workflow
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.workflow import ActionKind, Requirement, requirements
from midwatch.incident.state import StepStatus
from midwatch.output.progress import Advance
from midwatch.runbook.model import Step
from screens.dialogs.confirm import Confirm
from screens.dialogs.reason import ask_reason
from screens.incident.plan_cache import PlanCache
from screens.widgets.background import run_in_background
from screens.widgets.base_screen import BaseScreen
from screens.widgets.dialog import Dialog
from screens.widgets.plan_lines import spared_names
from screens.widgets.step_page_data import StepPageData
from screens.widgets.styles import SOON, WRONG, TextStyles


class StepRunner(BaseScreen[None]):
    """Nothing runs without the plan that was shown; what the journal refuses is said in one sentence.

    Textual has a metaclass of its own, so what the other halves have to bring is required by the type checker alone.
    """

    session: IncidentControls
    text_styles: TextStyles
    plan_cache: PlanCache
    keymap: Mapping[str, str]
    inconclusive: set[str]
    """Steps whose outcome was checked in vain."""
    logout_warning: str
    """Why what runs would not outlive a logout; empty when it would."""

    @property
    @abstractmethod
    def step(self) -> Step | None:
        """The step under the cursor; None on a phase."""

    @abstractmethod
    def follow_next(self) -> None:
        """Have the cursor go with what is next again."""

    @abstractmethod
    def notice(self, text: str, style: str = SOON) -> None:
        """One sentence for the operator."""

    @abstractmethod
    def shown_attempt(self) -> Step | None:
        """The step whose output is shown."""

    @abstractmethod
    def second_person(self, step: Step, plan: Plan, *, is_requested: bool) -> None:
        """Ask for a second person's approval of this plan, or say that it is waited for."""

    def run_step(self, step: Step, reason: str = "") -> None:
        """Run it as its plan says, once everything that this requires was given; a stale plan is made again first."""
        if not self.plan_cache.fresh(step.id):
            self.plan_cache.make_plan(step.id, then=partial(self.run_step, step, reason))
            return
        look = self.plan_cache.of(step.id)
        if look.plan is None or look.at is None or self.app.screen is not self:
            return
        needed = requirements(self.session, ActionKind.RUN, step.id, plan=look.plan, found=look.required)
        self._ask(needed, step, look.plan, look.at, reason, then=partial(self.run_step, step))

    def _ask(
        self,
        needed: list[Requirement],
        step: Step,
        plan: Plan,
        at: datetime,
        reason: str,
        *,
        then: Callable[[str], None],
        undo: bool = False,
    ) -> None:
        """Ask for the first of the requirements that is not met yet; start the step when none is left.

        `then` goes on with the reason, once there is one.
        """
        start = partial(self._start, step, plan, reason, undo=undo)
        for requirement in needed:
            match requirement:
                case workflow.Refusal(sentence):
                    self.notice(sentence, WRONG)
                    return
                case workflow.PinReason():
                    self._pin_anew(step, plan)
                    return
                case workflow.Reason(unmet) if not reason:
                    self.with_reason(step, *_reason_words(unmet, undo=undo), then)
                    return
                case workflow.Approval(is_requested):
                    self.second_person(step, plan, is_requested=is_requested)
                    return
                case workflow.TypedName() | workflow.YesNo():
                    name = requirement.name if isinstance(requirement, workflow.TypedName) else ""
                    self._confirm(step, plan, at, name, start, undo=undo)
                    return
        run_in_background(
            self, lambda: start(""), lambda _: None, lambda why: self.notice(why, WRONG), name=f"start {step.id}"
        )
        self.follow_next()

    def _confirm(
        self, step: Step, plan: Plan, at: datetime, name: str, start: Callable[[str], None], *, undo: bool
    ) -> None:
        dialog = Confirm(
            self.text_styles,
            step,
            plan,
            at,
            self.session.clock,
            environment=self.session.runbook.environment,
            name=name,
            spared=spared_names(self.session.runbook),
            undo=undo,
            undoable=False if undo else self.plan_cache.undoable(step),
            submit=start,
        )
        self.open(dialog)

    def _pin_anew(self, step: Step, plan: Plan) -> None:
        """A server that is not the pinned one may be the right one: that is for a person to say."""

        def closed(done: bool | None) -> None:
            if done:
                self.plan_cache.forget(step.id)
                self.plan_cache.make_plan(step.id)

        words = f"{plan.refusal}. If it is the right server now, say why; every plan is held to it from then on."
        form = ask_reason(
            self.text_styles,
            self.session.runbook,
            step,
            "Pin anew:",
            "Why is it right?",
            words,
            "Pin",
            partial(self.session.pin_anew, plan),
        )
        self.app.push_screen(form, closed)

    def _start(self, step: Step, plan: Plan, reason: str, typed: str, *, undo: bool) -> None:
        self.plan_cache.forget(step.id)  # also when it is refused: what was shown does not hold any more
        self.session.start(step.id, plan, typed=typed, reason=reason, undo=undo)
        self.plan_cache.forget(step.id)

    def parts(self, step: Step, advance: Advance | None = None, *, whole: bool = False) -> StepPageData:
        """What the page of a step is made of."""
        session = self.session
        undoable = self.plan_cache.undoable(step)
        return StepPageData(
            step,
            session.runbook,
            session.incident,
            self.plan_cache.of(step.id),
            session.clock.now(),
            session.incident.elapsed_now(session.clock),
            advance,
            undoable,
            whole=whole,
        )

    def open(self, dialog: Dialog) -> None:
        """Show a dialog; when what it asks for was done, the cursor goes on."""

        def closed(done: bool | None) -> None:
            if done:
                self.follow_next()

        self.app.push_screen(dialog, closed)

    def open_quietly(self, dialog: Dialog) -> None:
        """Show a dialog that does not move the cursor."""
        self.app.push_screen(dialog)

    def reason(self, title: str, prompt: str, words: str, accept: str, submit: Callable[[str], object]) -> None:
        """Ask for a reason, and do at once what it is for."""
        if self.step:
            self.open(
                ask_reason(self.text_styles, self.session.runbook, self.step, title, prompt, words, accept, submit)
            )

    def with_reason(self, step: Step, title: str, prompt: str, words: str, then: Callable[[str], None]) -> None:
        """Ask for a reason, then do what comes then with it."""
        given: list[str] = []

        def closed(done: bool | None) -> None:
            if done and given:
                then(given[-1])

        self.app.push_screen(
            ask_reason(self.text_styles, self.session.runbook, step, title, prompt, words, "Go on", given.append),
            closed,
        )

    def action_undo(self) -> None:
        """Plan the undo beside the loop, ask why, then ask for consent to what it would touch."""
        step = self.step
        if step is None:
            return

        def planned(plan: Plan) -> None:
            at = self.session.clock.now()
            needed = requirements(self.session, ActionKind.UNDO, step.id, plan=plan)

            def ask(reason: str) -> None:
                self._ask(needed, step, plan, at, reason, then=ask, undo=True)

            ask("")

        self.notice("Planning the undo")
        work = partial(self.session.plan, step.id, undo=True)
        run_in_background(self, work, planned, lambda why: self.notice(why, WRONG), name=f"plan undo of {step.id}")

    def action_check_outcome(self) -> None:
        """Look up what nobody saw the end of."""
        step = self.step
        if step is None:
            return

        def found(holds: bool | None) -> None:
            if holds is None:
                self.inconclusive.add(step.id)
            words = {
                True: "it took effect",
                False: "it did not take effect",
                None: "it cannot be told; decide yourself",
            }
            self.notice(f"{step.number}: {words[holds]}")

        def failed(why: str) -> None:
            self.inconclusive.add(step.id)
            self.notice(why, WRONG)

        self.notice("Looking whether it took effect")
        work = partial(self.session.check_outcome, step.id)
        run_in_background(self, work, found, failed, name=f"verify {step.id}")

    def action_start_here(self) -> None:
        if step := self.step:
            count = len(self.passed_over(step))
            words = (
                f"{count} step{'s' * (count > 1)} before it {'are' if count > 1 else 'is'} skipped, with this reason."
            )
            self.reason("Begin at", "Why from here?", words, "Start here", partial(self.session.start_from, step.id))

    def passed_over(self, step: Step) -> list[Step]:
        """The earlier steps that wait for somebody."""
        earlier = itertools.takewhile(lambda other: other.id != step.id, self.session.runbook.steps())
        states = [(other, self.session.incident.status(other)) for other in earlier]
        return [other for other, status in states if not status.concluded and status is not StepStatus.RUNNING]


def _reason_words(unmet: Sequence[str], *, undo: bool) -> tuple[str, str, str]:
    """Title, prompt and explanation of the dialog that asks for a reason."""
    if undo:
        return "Undo", "Why is it undone?", "The step is to do again afterwards. What it did stays in the timeline."
    if unmet:
        return "All the same:", "Why does it run all the same?", f"Not met, or not known: {'; '.join(unmet)}."
    return "Run again:", "Why again?", "What it did before stays in the timeline."
