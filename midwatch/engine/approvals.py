"""Steps that take two people: a plan is shown to a second one at their own login, and only what they approved may
run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.api.plan import Plan
from midwatch.control.control_client import SAME_VERSION, send_request
from midwatch.engine import attempts, policy
from midwatch.engine.collaboration import Handler
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.reasons import require_reason
from midwatch.incident.events import EventKind
from midwatch.incident.state import Approval
from midwatch.runbook.model import Step
from midwatch.system.errors import BadInput, Refused
from midwatch.system.identity import Identity
from midwatch.system.strict_json import text_of


class Approvals:
    """Plans that a second person is asked to approve."""

    def __init__(self, session: JournalSession) -> None:
        self._session = session
        self._asked_plans: Mapping[str, Plan] = {}
        self.handlers: Mapping[str, Handler] = {
            "plan": self._answer_plan,
            "approve": self._answer_approve,
            "decline": self._answer_decline,
        }
        """What answers the second person at the control socket, by operation."""

    def pending_steps(self) -> list[Step]:
        """The steps whose plan waits for a second person."""
        found = self._session.incident.approvals
        runbook = self._session.runbook
        every = (*runbook.steps(), *runbook.loops.values())
        return [step for step in every if step.id in found and found[step.id].waits]

    def request_approval(self, step_id: str, plan: Plan) -> None:
        """Ask for a second person's approval of this very plan; an earlier request or approval of the step counts no
        more."""
        session, person = self._session, Identity.current()
        with session.mutex:
            step = session.runbook.step(step_id)
            policy.require_approvable(step, plan, session.incident, session.runbook, person)
            if problem := session.require_driver().unreachable:
                raise Refused(problem, hint="Skip it with a reason")
            self._asked_plans = {**self._asked_plans, step_id: plan}
            shown = attempts.shown_plan(plan)
            body = {"step": step_id, "plan": shown, "digest": plan.digest, "by": person.to_json()}
            session.append(EventKind.APPROVAL_ASKED, body)

    # The second person's side

    def plan_to_approve(self, step_id: str) -> Plan:
        """The whole plan that waits for approval, from the driver itself and as the journal has it. Raises
        `MidwatchError`."""
        approval = self._require_pending(step_id)
        reply = send_request(self._session.folder, {"op": "plan", "step": step_id})
        try:
            plan = Plan.from_json(reply["plan"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refused("The driver does not show the plan", hint=SAME_VERSION) from error
        if plan.digest != approval.digest:
            hint = "Do not approve it"
            raise Refused("The plan that the driver shows is not the one that the journal has", hint=hint)
        return plan

    def approve(self, step_id: str, plan: Plan, *, typed: str = "") -> None:
        """Approve this very plan as the person behind this process. Raises `Refused` when that may not be."""
        self._require_pending(step_id)
        message = {"op": "approve", "step": step_id, "digest": plan.digest, "typed": typed}
        send_request(self._session.folder, message)

    def decline(self, step_id: str, reason: str) -> None:
        """Do not approve it, and say why."""
        self._require_pending(step_id)
        message = {"op": "decline", "step": step_id, "reason": require_reason(reason)}
        send_request(self._session.folder, message)

    def _require_pending(self, step_id: str) -> Approval:
        self._session.take_in()
        approval = self._session.incident.approvals.get(step_id)
        if approval is None or not approval.waits:
            names = ", ".join(step.id for step in self.pending_steps())
            hint = f"Waiting: {names}" if names else "Nothing waits for approval"
            raise BadInput(f"No plan of {step_id} waits for approval", hint=hint)
        return approval

    # The driver's side

    def _answer_plan(self, person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._session.mutex:
            return {"plan": self._asked_plan(message)[1].to_json()}

    def _answer_approve(self, person: Identity, message: Mapping[str, Any]) -> None:
        with self._session.mutex:
            approval, plan = self._asked_plan(message)
            policy.require_judge(approval, person, Identity.current())
            if text_of(message, "digest") != approval.digest:
                raise Refused("The plan has changed since you read it", hint="Read it again")
            step = self._session.runbook.step(approval.step)
            policy.require_consent(step, plan, text_of(message, "typed"))
            self._session.append(EventKind.APPROVAL_GIVEN, _judgement(approval, person))

    def _answer_decline(self, person: Identity, message: Mapping[str, Any]) -> None:
        with self._session.mutex:
            approval, _ = self._asked_plan(message)
            policy.require_judge(approval, person, Identity.current())
            reason = require_reason(text_of(message, "reason"))
            self._session.append(EventKind.APPROVAL_DECLINED, {**_judgement(approval, person), "reason": reason})

    def _asked_plan(self, message: Mapping[str, Any]) -> tuple[Approval, Plan]:
        step_id = text_of(message, "step")
        approval, plan = self._session.incident.approvals.get(step_id), self._asked_plans.get(step_id)
        if approval is None or not approval.waits or plan is None or plan.digest != approval.digest:
            raise Refused("This plan waits for nobody's approval any more", hint="Its driver can ask again")
        return approval, plan


def _judgement(approval: Approval, person: Identity) -> dict[str, Any]:
    return {"step": approval.step, "asked": approval.seq, "digest": approval.digest, "by": person.to_json()}
