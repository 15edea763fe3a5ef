"""What is known of each step's plan. Plans are made beside the loop; the newest one counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from textual.message_pump import MessagePump

from midwatch.api.plan import Plan
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.planning import can_undo
from midwatch.incident.state import CriterionState
from midwatch.runbook.model import Step
from midwatch.system.errors import MidwatchError
from screens.widgets.background import run_in_background
from screens.widgets.step_page_data import PlanState

FRESH = 60.0
"""Seconds for which a plan may be consented to; after that it is made again first."""
NOTHING = PlanState()


class PlanCache:
    """The plans, by step."""

    def __init__(self, pump: MessagePump, session: IncidentControls, changed: Callable[[], None]) -> None:
        self._pump, self._desk, self._changed = pump, session, changed
        self._known: dict[str, PlanState] = {}
        self._asked: dict[str, int] = {}
        self._then: dict[str, Callable[[], None]] = {}
        self._undoable: dict[tuple[str, int, bool], bool | None] = {}

    def of(self, step_id: str) -> PlanState:
        """What is known now."""
        return self._known.get(step_id, NOTHING)

    def undoable(self, step: Step) -> bool | None:
        """Whether the step can be undone; asked once for each attempt at it."""
        state = self._desk.incident.steps.get(step.id)
        key = (step.id, len(state.attempts) if state else 0, bool(state and state.values))
        if key not in self._undoable:
            try:
                self._undoable[key] = can_undo(step, self._desk.runbook, self._desk.incident)
            except MidwatchError:
                self._undoable[key] = None
        return self._undoable[key]

    def fresh(self, step_id: str) -> bool:
        """Whether its plan is young enough to be consented to."""
        look = self.of(step_id)
        return look.at is not None and not look.planning and (self._desk.clock.now() - look.at).total_seconds() <= FRESH

    def forget(self, step_id: str) -> None:
        """The world has changed: what was known no longer counts."""
        self._known.pop(step_id, None)
        self._asked[step_id] = self._asked.get(step_id, 0) + 1
        self._then.pop(step_id, None)

    def make_plan(self, step_id: str, then: Callable[[], None] | None = None) -> None:
        """Make its plan, then do what comes then, if the plan could be made."""
        if then is not None:
            self._then[step_id] = then
        if self.of(step_id).planning:
            return
        number = self._asked[step_id] = self._asked.get(step_id, 0) + 1
        self._known[step_id] = PlanState(since=self._desk.clock.now())

        def done(plan: Plan) -> None:
            if self._asked.get(step_id) == number:
                self._known[step_id] = PlanState(plan=plan, at=self._desk.clock.now())
                self._evaluate_preconditions(step_id, number)
                self._changed()
                then = self._then.pop(step_id, None)
                if then is not None and not plan.refusal:
                    then()

        def failed(sentence: str) -> None:
            if self._asked.get(step_id) == number:
                self._known[step_id] = PlanState(error=sentence)
                self._then.pop(step_id, None)
                self._changed()

        run_in_background(self._pump, lambda: self._desk.plan(step_id), done, failed, name=f"plan {step_id}")
        self._changed()

    def _evaluate_preconditions(self, step_id: str, number: int) -> None:
        """Beside the plan and after it, so that a slow check does not hold the plan up."""
        if not self._desk.runbook.step(step_id).preconditions:
            return

        def done(found: Mapping[str, CriterionState]) -> None:
            if self._asked.get(step_id) == number:
                self._known[step_id] = replace(self.of(step_id), required=found)
                self._changed()

        failed = partial(self._nothing_known, step_id)
        run_in_background(
            self._pump, lambda: self._desk.evaluate_preconditions(step_id), done, failed, name=f"require {step_id}"
        )

    def _nothing_known(self, step_id: str, sentence: str) -> None:
        """The checks could not even be begun: nothing that is required counts as holding."""
        unknown = CriterionState(None, sentence, self._desk.clock.now())
        found = {item.id: unknown for item in self._desk.runbook.step(step_id).preconditions}
        self._known[step_id] = replace(self.of(step_id), required=found)
        self._changed()
