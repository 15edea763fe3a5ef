"""What the incident screen does with others: hand control over, take it, ask for a second person and be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.api.plan import Plan
from midwatch.engine.pending_requests import control_option
from midwatch.engine.policy import name_to_type
from midwatch.runbook.model import Step
from screens.dialogs.confirm import Confirm
from screens.dialogs.handoff import Handoff
from screens.dialogs.reason import reason_form
from screens.dialogs.take_control import TakeControl
from screens.widgets.background import WorkFailed, in_background
from screens.widgets.plan_lines import spared_names
from screens.widgets.styles import STRONG, WRONG

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen


class Collaboration:
    """The decisions that concern a second person."""

    def __init__(self, screen: IncidentScreen) -> None:
        self._screen, self._session, self._text_styles = screen, screen.session, screen.text_styles

    async def hand_over(self) -> None:
        """Offer control to somebody, or withdraw the offer."""
        dialog = Handoff(self._text_styles, self._session)
        async for to in dialog.answers(self._screen.app):
            if to:
                await dialog.carry_out(self._session.offer_control, to)
            else:
                await dialog.carry_out(self._session.withdraw_offer)

    async def take_control(self) -> None:
        """Take control, or ask for it."""
        way = control_option(self._session)
        dialog = TakeControl(self._text_styles, self._session, way)
        async for reason in dialog.answers(self._screen.app):
            await dialog.carry_out(way.go, self._session, reason)

    async def ask_second_person(self, step: Step, plan: Plan) -> None:
        """The driver's side: the plan, and how a second person comes to it."""
        session = self._session
        words = "It takes two people. A second one approves it on their screen, or types at their login:"
        dialog = Confirm(
            self._text_styles,
            step,
            plan,
            session.clock.now(),
            session.clock,
            environment=session.runbook.environment,
            name="",
            spared=spared_names(session.runbook),
            accept="Ask",
            doing="Asking",
            below=[(words, ""), (f"midwatch approve {session.incident.id} {step.id}", STRONG)],
        )
        async for _ in dialog.answers(self._screen.app):
            await dialog.carry_out(session.request_approval, step.id, plan)

    async def approve(self) -> None:
        """The second person's side: fetch the plan that waits from the driver; approve this plan and no other, or
        decline."""
        session, waiting, here = self._session, self._session.pending_steps(), self._screen.step
        if not waiting:
            return
        step = next((step for step in waiting if here is not None and step.id == here.id), waiting[0])
        try:
            plan = await in_background(f"plan to approve of {step.id}", session.plan_to_approve, step.id)
        except WorkFailed as failed:
            self._screen.notice(str(failed), WRONG)
            return
        approval = session.incident.approvals[step.id]
        dialog = Confirm(
            self._text_styles,
            step,
            plan,
            approval.asked_at,
            session.clock,
            environment=session.runbook.environment,
            name=name_to_type(step, plan),
            spared=spared_names(session.runbook),
            accept="Approve",
            doing="Approving",
            above=f"{approval.asked_by.name} asks you to approve this. It may then run as it is shown here, once.",
            can_decline=True,
        )
        async for consent in dialog.answers(self._screen.app):
            if not consent.declined:
                await dialog.carry_out(session.approve, step.id, plan, typed=consent.typed)
            elif await self._decline(step):
                dialog.dismiss(None)
            else:
                dialog.listen()

    async def _decline(self, step: Step) -> bool:
        runbook = self._session.runbook
        form = reason_form(self._text_styles, runbook, step, "Decline", "Why not?", "Its driver reads this.", "Decline")
        declined = False
        async for answer in form.answers(self._screen.app):
            declined = await form.carry_out(self._session.decline, step.id, answer["reason"])
        return declined
