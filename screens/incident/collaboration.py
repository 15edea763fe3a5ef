"""What the incident screen does with others: hand control over, take it, ask for a second person and be one."""

from __future__ import annotations

from functools import partial

from midwatch.api.plan import Plan
from midwatch.runbook.model import Step
from screens.dialogs.approve import Approve, AskSecond
from screens.dialogs.handoff import Handoff
from screens.dialogs.take_control import TakeControl
from screens.incident.step_runner import StepRunner
from screens.widgets.background import run_in_background
from screens.widgets.styles import WRONG


class Collaboration(StepRunner):
    """The keys that concern a second person."""

    def action_handoff(self) -> None:
        self.open_quietly(Handoff(self.text_styles, self.session))

    def action_control(self) -> None:
        self.open_quietly(TakeControl(self.text_styles, self.session))

    def action_approve(self) -> None:
        """Have the plan that waits fetched from the driver, and show it."""
        waiting = self.session.pending_steps()
        if waiting:
            step = next((one for one in waiting if self.step is not None and one.id == self.step.id), waiting[0])

            def shown(plan: Plan) -> None:
                self.open_quietly(Approve(self.text_styles, self.session, step, plan))

            run_in_background(
                self,
                partial(self.session.plan_to_approve, step.id),
                shown,
                lambda why: self.notice(why, WRONG),
                name=f"plan to approve of {step.id}",
            )

    def second_person(self, step: Step, plan: Plan, *, is_requested: bool) -> None:
        """Ask for a second person's approval of this plan, or say that it is waited for."""
        if is_requested:
            self.notice(f"It waits for a second person: midwatch approve {self.session.incident.id} {step.id}")
        else:
            self.open_quietly(AskSecond(self.text_styles, self.session, step, plan))
