"""The plans as the driver sees them, so that whoever observes reads the same plan before being asked to approve it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from midwatch.api.plan import Plan
from midwatch.control.control_client import SAME_VERSION, send_request
from midwatch.engine.collaboration import Handler
from midwatch.engine.journal_session import JournalSession
from midwatch.incident.step_state import CriterionState
from midwatch.system.clock import from_rfc3339, to_rfc3339
from midwatch.system.errors import Refused
from midwatch.system.identity import Identity
from midwatch.system.strict_json import text_of

ShownPlan = tuple[Plan, datetime, Mapping[str, CriterionState] | None]
"""A plan, when it was made, and what its preconditions were found to be; None before these were evaluated."""


class ShownPlans:
    """Remembers the newest plan of each step on the driver's side; fetches it from there on an observer's side."""

    def __init__(self, session: JournalSession) -> None:
        self._session = session
        self._newest: dict[str, ShownPlan] = {}
        self.handlers: Mapping[str, Handler] = {"shown": self._answer}
        """What answers an observer at the control socket."""

    def remembering(self, plan: Callable[..., Plan]) -> Callable[..., Plan]:
        """The function that plans a step, so that each plan which it makes is remembered; an undo is not."""

        def make(step_id: str, *, undo: bool = False) -> Plan:
            found = plan(step_id, undo=undo)
            if not undo and self._session.driving:
                self._newest[step_id] = (found, self._session.clock.now(), None)
            return found

        return make

    def remembering_checks(
        self, evaluate: Callable[[str], dict[str, CriterionState]]
    ) -> Callable[[str], dict[str, CriterionState]]:
        """The function that evaluates preconditions, so that what it finds is remembered with the plan."""

        def checked(step_id: str) -> dict[str, CriterionState]:
            found = evaluate(step_id)
            if step_id in self._newest:
                self._newest[step_id] = (*self._newest[step_id][:2], found)
            return found

        return checked

    def driver_plan(self, step_id: str) -> ShownPlan | None:
        """The plan of the step as the driver sees it; None while the driver sees none. Raises `MidwatchError`."""
        reply = send_request(self._session.folder, {"op": "shown", "step": step_id})
        if not reply.get("plan"):
            return None
        try:
            found = reply["required"]
            required = found and {
                name: CriterionState(state["met"], str(state["detail"]), from_rfc3339(state["at"]))
                for name, state in found.items()
            }
            return Plan.from_json(reply["plan"]), from_rfc3339(reply["at"]), required
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused("The driver does not show the plan", hint=SAME_VERSION) from error

    def _answer(self, person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
        step_id, runbook = text_of(message, "step"), self._session.runbook
        step, newest = runbook.find(step_id), self._newest.get(step_id)
        if step is None or newest is None or self._session.incident.status(step).concluded:
            return {}
        plan, at, required = newest
        states = None
        if required is not None:
            states = {
                name: {"met": state.met, "detail": state.detail, "at": to_rfc3339(state.at)}
                for name, state in required.items()
            }
        return {"plan": plan.to_json(), "at": to_rfc3339(at), "required": states}
