"""Runs steps from the incident screen: run, undo, check the outcome, decide with a reason."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from midwatch.api.plan import Plan
from midwatch.engine import step_selection, workflow
from midwatch.engine.workflow import ActionKind, requirements
from midwatch.runbook.model import Phase, Step
from midwatch.supervisor.terminal_client import LEAVE_WORDS, Left, attach
from midwatch.system.errors import Failed
from midwatch.system.sanitize import safe_text
from screens.dialogs.confirm import Confirm
from screens.dialogs.reason import reason_form, start_form
from screens.dialogs.secrets import secrets_form
from screens.incident.collaboration import Collaboration
from screens.widgets.background import WorkFailed, in_background
from screens.widgets.drafts import drafts_of
from screens.widgets.form import Form
from screens.widgets.plan_lines import spared_names
from screens.widgets.step_page_data import PlanState
from screens.widgets.styles import WRONG

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen


class StepRunner:
    """Nothing runs without the plan that was shown; what the journal refuses is said in one sentence."""

    def __init__(self, screen: IncidentScreen, collaboration: Collaboration) -> None:
        self._screen, self._session, self._text_styles = screen, screen.session, screen.text_styles
        self._plans, self._collaboration = screen.plan_cache, collaboration
        self.inconclusive: set[str] = set()
        """Steps whose outcome was checked in vain."""

    async def run(self, step: Step, *, undo: bool = False) -> None:
        """Run the step, or undo what it did: plan, then everything that the workflow requires, then start."""
        session, reason = self._session, ""
        secrets: dict[str, str] = {}
        look = await self._plan_undo(step) if undo else await self._plans.fresh(step.id)
        while look is not None and look.plan is not None and self._screen.is_on_top:
            plan, kind = look.plan, ActionKind.UNDO if undo else ActionKind.RUN
            needed = requirements(session, kind, step.id, plan=plan, found=look.required)
            match next((item for item in needed if not _is_answered(item, reason, secrets)), None):
                case workflow.Reason(unmet):
                    reason = await self._ask_reason(step, *_reason_words(unmet, undo=undo))
                    if not reason:
                        return
                    look = look if undo else await self._plans.fresh(step.id)  # it may have grown old meanwhile
                    continue
                case workflow.Secrets(names):
                    typed = await self._screen.app.push_screen_wait(secrets_form(self._text_styles, step, names))
                    if not typed:
                        return
                    secrets = dict(typed)
                    look = look if undo else await self._plans.fresh(step.id)
                    continue
                case workflow.Refusal(sentence):
                    self._screen.notice(sentence, WRONG)
                case workflow.PinReason():
                    await self._pin_anew(step, plan)
                case workflow.Approval(is_requested=True):
                    command = f"midwatch approve {session.incident.id} {step.id}"
                    self._screen.notice(f"It waits for a second person: {command}")
                case workflow.Approval():
                    await self._collaboration.ask_second_person(step, plan)
                case workflow.TypedName() | workflow.YesNo() as consent:
                    name = consent.name if isinstance(consent, workflow.TypedName) else ""
                    dialog = self._consent_dialog(step, look, name, undo=undo)
                    async for answer in dialog.answers(self._screen.app):
                        self._plans.forget(
                            step.id
                        )  # also when the start is refused: what was shown does not hold any more
                        if await dialog.carry_out(
                            session.start,
                            step.id,
                            plan,
                            typed=answer.typed,
                            reason=reason,
                            undo=undo,
                            secrets=secrets,
                        ):
                            drafts_of(self._screen.app).forget_about(f"{step.number} {step.title}")
                            self._plans.forget(step.id)
                            self.sit_at(step)
                            self._screen.follow_next()
                case _:  # nothing is touched
                    self._plans.forget(step.id)
                    self._screen.follow_next()
                    try:
                        await in_background(
                            f"start {step.id}", session.start, step.id, plan, reason=reason, undo=undo, secrets=secrets
                        )
                        drafts_of(self._screen.app).forget_about(f"{step.number} {step.title}")
                        self.sit_at(step)
                    except WorkFailed as failed:
                        self._screen.notice(str(failed), WRONG)
            return

    def sit_at(self, step: Step) -> None:
        """Give the step the terminal of the screen until it ends or the operator leaves, if it is a step for that."""
        folder = self._session.attempt_folder(step.id)
        if folder is None or not workflow.gives_terminal(self._session, step):
            return
        app = self._screen.app
        try:
            with self._session.heartbeat(), app.suspend():
                sys.stdout.write(f"\r\n{step.number} {safe_text(step.title)} has this terminal. {LEAVE_WORDS}\r\n")
                sys.stdout.flush()
                left = attach(folder)
        except SuspendNotSupported:
            self._screen.notice("This terminal cannot be given to a step", WRONG)
        except Failed as error:
            self._screen.notice(str(error), WRONG)
        else:
            if left is Left.BY_KEY:
                self._screen.notice(f"{step.number} goes on; Enter goes back to its terminal")

    def can_observe(self, phase: Phase) -> bool:
        """Whether there are several steps in the phase to run by one key, and no other batch runs."""
        batch = self._session.batch
        return (batch is None or not batch.is_active) and len(
            step_selection.observing_steps(phase, self._session.incident, self._session.runbook)
        ) > 1

    async def observe(self, phase: Phase) -> None:
        """Run every step of the phase that only observes."""
        self._screen.follow_next()
        try:
            await in_background(f"observe {phase.id}", self._session.start_observing, phase.id)
        except WorkFailed as failed:
            self._screen.notice(str(failed), WRONG)

    async def _plan_undo(self, step: Step) -> PlanState | None:
        self._screen.notice("Planning the undo")
        try:
            plan = await in_background(f"plan undo of {step.id}", self._session.plan, step.id, undo=True)
        except WorkFailed as failed:
            self._screen.notice(str(failed), WRONG)
            return None
        return PlanState(plan=plan, at=self._session.clock.now())

    def _consent_dialog(self, step: Step, look: PlanState, name: str, *, undo: bool) -> Confirm:
        assert look.plan is not None
        assert look.at is not None
        return Confirm(
            self._text_styles,
            step,
            look.plan,
            look.at,
            self._session.clock,
            environment=self._session.runbook.environment,
            name=name,
            spared=spared_names(self._session.runbook),
            undo=undo,
            undoable="" if undo else self._how_undone(step),
        )

    def _how_undone(self, step: Step) -> str:
        """How the step can be taken back, for its confirmation; empty where nobody knows yet."""
        if (undoable := self._plans.undoable(step)) is None:
            return ""
        return f"can be undone: press {self._screen.panes.key_name('undo')}" if undoable else "manually only"

    async def _pin_anew(self, step: Step, plan: Plan) -> None:
        """A server that is not the pinned one may be the right one: that is for a person to say."""
        words = f"{plan.refusal}. If it is the right server now, say why; every plan is held to it from then on."
        form = self._reason_form(step, "Pin anew:", "Why is it right?", words, "Pin")
        async for answer in form.answers(self._screen.app):
            if await form.carry_out(self._session.pin_anew, plan, answer["reason"]):
                self._plans.forget(step.id)
                self._plans.make_plan(step.id)

    async def check_need(self, step: Step) -> None:
        """Evaluate the checks of the step's condition."""
        self._screen.notice(f"Checking whether {step.number} is needed")
        try:
            await in_background(f"need of {step.id}", self._session.check_need, step.id)
        except WorkFailed as failed:
            self._screen.notice(str(failed), WRONG)
            return
        self._screen.notice(f"{step.number}: {workflow.need_words(self._session, step)}")

    async def check_outcome(self, step: Step) -> None:
        """Check what nobody saw the end of."""
        self._screen.notice("Looking whether it took effect")
        try:
            holds = await in_background(f"verify {step.id}", self._session.check_outcome, step.id)
        except WorkFailed as failed:
            self.inconclusive.add(step.id)
            self._screen.notice(str(failed), WRONG)
            return
        if holds is None:
            self.inconclusive.add(step.id)
        words = {
            True: "it took effect",
            False: "it did not take effect",
            None: "it cannot be told; decide yourself",
        }
        self._screen.notice(f"{step.number}: {words[holds]}")

    async def start_here(self, step: Step) -> None:
        """Skip what waits before the step, which the dialog names, with a reason."""
        form = start_form(self._text_styles, self._session.runbook, step, self.passed_over(step), self._screen.app.size)
        async for answer in form.answers(self._screen.app):
            if await form.carry_out(self._session.start_from, step.id, answer["reason"]):
                self._screen.follow_next()

    def passed_over(self, step: Step) -> list[Step]:
        """The earlier steps that wait for somebody."""
        return step_selection.steps_passed_over(step, self._session.incident, self._session.runbook)

    # Reasons

    def _reason_form(self, step: Step, title: str, prompt: str, words: str, accept: str) -> Form:
        """The form that asks for a reason."""
        return reason_form(self._text_styles, self._session.runbook, step, title, prompt, words, accept)

    async def _ask_reason(self, step: Step, title: str, prompt: str, words: str) -> str:
        """The reason that is given; empty when the operator gives none."""
        answer = await self._screen.app.push_screen_wait(self._reason_form(step, title, prompt, words, "Go on"))
        return answer["reason"] if answer else ""

    async def decide(
        self, step: Step, title: str, prompt: str, words: str, accept: str, decide: Callable[[str, str], object]
    ) -> None:
        """Ask for a reason and write the decision about the step with it."""
        form = self._reason_form(step, title, prompt, words, accept)
        async for answer in form.answers(self._screen.app):
            if await form.carry_out(decide, step.id, answer["reason"]):
                self._screen.follow_next()


def _is_answered(requirement: workflow.Requirement, reason: str, secrets: Mapping[str, str]) -> bool:
    match requirement:
        case workflow.Reason():
            return bool(reason)
        case workflow.Secrets(names):
            return all(name in secrets for name in names)
    return False


def _reason_words(unmet: Sequence[str], *, undo: bool) -> tuple[str, str, str]:
    """Title, prompt and explanation of the dialog that asks for a reason."""
    if undo:
        return "Undo", "Why is it undone?", "The step is to do again afterwards. What it did stays in the timeline."
    if unmet:
        return "All the same:", "Why does it run all the same?", f"Not met, or not known: {'; '.join(unmet)}."
    return "Run again:", "Why again?", "What it did before stays in the timeline."
