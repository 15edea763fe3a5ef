"""What the incident screen does with others: hand the wheel over, take it, ask for a second person and be one."""

from __future__ import annotations

from functools import partial

from midwatch.plan import Plan
from midwatch.rules import takes_two
from midwatch.runbook.model import Step
from screens.approve import Approve, AskSecond
from screens.handoff import Handoff
from screens.running import Running
from screens.wheel import TakeWheel
from screens.widgets.aside import aside
from screens.widgets.pen import WRONG


class Company(Running):
    """The keys that concern a second person."""

    def action_handoff(self) -> None:
        self.open_quietly(Handoff(self.pen, self.desk))

    def action_wheel(self) -> None:
        self.open_quietly(TakeWheel(self.pen, self.desk))

    def action_approve(self) -> None:
        """Have the plan that waits fetched from the driver, and show it."""
        waiting = self.desk.waiting()
        if waiting:
            step = next((one for one in waiting if self.step is not None and one.id == self.step.id), waiting[0])

            def shown(plan: Plan) -> None:
                self.open_quietly(Approve(self.pen, self.desk, step, plan))

            aside(
                self,
                partial(self.desk.plan_to_approve, step.id),
                shown,
                lambda why: self.notice(why, WRONG),
                name=f"plan to approve of {step.id}",
            )

    def second_person(self, step: Step, plan: Plan) -> bool:
        """Whether a second person has approved this plan, or none is needed; else they are asked for, or waited for."""
        approval = self.desk.incident.approvals.get(step.id)
        if not takes_two(step, plan) or (approval and approval.given_by and approval.digest == plan.digest):
            return True
        if approval and approval.waits and approval.digest == plan.digest:
            self.notice(f"It waits for a second person: midwatch approve {self.desk.incident.id} {step.id}")
        else:
            self.open_quietly(AskSecond(self.pen, self.desk, step, plan))
        return False
