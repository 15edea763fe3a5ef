"""Steps that take two people: a plan is shown to a second one at their own login, and only what they approved may run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.api.plan import Plan
from midwatch.control.control_client import send_request
from midwatch.engine import attempts, policy
from midwatch.engine.collaboration import Collaboration
from midwatch.engine.reasons import require_reason
from midwatch.incident.events import EventKind
from midwatch.incident.state import Approval
from midwatch.runbook.model import Step
from midwatch.system.errors import BadInput, Refused
from midwatch.system.identity import Identity
from midwatch.system.strict_json import text_of


class Approvals(Collaboration):
    """A record in which plans are asked for, approved and declined."""

    _asked_plans: Mapping[str, Plan] = {}

    def pending_steps(self) -> list[Step]:
        """The steps whose plan waits for a second person."""
        found = self.incident.approvals
        return [step for step in self.runbook.steps() if step.id in found and found[step.id].waits]

    def request_approval(self, step_id: str, plan: Plan) -> None:
        """Ask for a second person's approval of this very plan; an earlier request or approval of the step counts no more."""
        with self.mutex:
            step = self.runbook.step(step_id)
            policy.require_approvable(step, plan, self.incident, self.runbook, Identity.current())
            handle = self.require_driver()
            if handle.control_socket is None or handle.control_socket.problem:
                raise Refused(
                    handle.control_socket.problem if handle.control_socket else "Nobody can send_request here",
                    hint="Skip it with a reason",
                )
            self._asked_plans = {**self._asked_plans, step_id: plan}
            body = {
                "step": step_id,
                "plan": attempts.shown_plan(plan),
                "digest": plan.digest,
                "by": Identity.current().to_json(),
            }
            self.append(EventKind.APPROVAL_ASKED, body)

    # The second person's side

    def plan_to_approve(self, step_id: str) -> Plan:
        """The whole plan that waits for approval, from the driver itself and as the journal has it. Raises `MidwatchError`."""
        approval = self._waiting_for(step_id)
        try:
            plan = Plan.from_json(send_request(self.folder, {"op": "plan", "step": step_id})["plan"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(
                "The driver does not show the plan", hint="Both screens have to be of the same version"
            ) from error
        if plan.digest != approval.digest:
            raise Refused(
                "The plan that the driver shows is not the one that the journal has", hint="Do not approve it"
            )
        return plan

    def approve(self, step_id: str, plan: Plan, *, typed: str = "") -> None:
        """Approve this very plan as the person behind this process. Raises `Refused` when that may not be."""
        self._waiting_for(step_id)
        send_request(self.folder, {"op": "approve", "step": step_id, "digest": plan.digest, "typed": typed})

    def decline(self, step_id: str, reason: str) -> None:
        """Do not approve it, and say why."""
        self._waiting_for(step_id)
        send_request(self.folder, {"op": "decline", "step": step_id, "reason": require_reason(reason)})

    def _waiting_for(self, step_id: str) -> Approval:
        self.take_in()
        approval = self.incident.approvals.get(step_id)
        if approval is None or not approval.waits:
            names = ", ".join(step.id for step in self.pending_steps())
            hint = f"Waiting: {names}" if names else "Nothing waits for approval"
            raise BadInput(f"No plan of {step_id} waits for approval", hint=hint)
        return approval

    # The driver's side

    def _answer(self, person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
        op = message.get("op")
        if op not in ("plan", "approve", "decline"):
            return super()._answer(person, message)
        with self.mutex:
            step_id = text_of(message, "step")
            approval, plan = self.incident.approvals.get(step_id), self._asked_plans.get(step_id)
            if approval is None or not approval.waits or plan is None or plan.digest != approval.digest:
                raise Refused("This plan waits for nobody's approval any more", hint="Its driver can ask again")
            if op == "plan":
                return {"plan": plan.to_json()}
            policy.require_judge(approval, person, Identity.current())
            body: dict[str, Any] = {
                "step": step_id,
                "asked": approval.seq,
                "digest": approval.digest,
                "by": person.to_json(),
            }
            if op == "decline":
                reason = require_reason(text_of(message, "reason"))
                self.append(EventKind.APPROVAL_DECLINED, body | {"reason": reason})
                return {}
            if text_of(message, "digest") != approval.digest:
                raise Refused("The plan has changed since you read it", hint="Read it again")
            policy.require_consent(self.runbook.step(step_id), plan, text_of(message, "typed"))
            self.append(EventKind.APPROVAL_GIVEN, body)
        return {}
