"""What is known of each step's plan. Plans are made beside the loop; the newest one counts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from textual.dom import DOMNode

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.planning import can_undo
from midwatch.incident.step_state import CriterionState
from midwatch.runbook.model import Step
from midwatch.system.errors import MidwatchError
from screens.widgets.background import WorkFailed, in_background, start_work
from screens.widgets.step_page_data import PlanState

FRESH = 60.0
"""Seconds for which a plan may be consented to; after that it is made again first."""
DRIVER_INTERVAL_S = 3.0
"""Seconds between two looks at the driver's plan."""
NOTHING = PlanState()


class PlanCache:
    """The plans, by step."""

    def __init__(self, node: DOMNode, session: IncidentControls, changed: Callable[[], None]) -> None:
        """`node` has the workers that make plans; `changed` is called after each change."""
        self._node, self._desk, self._changed = node, session, changed
        self._known: dict[str, PlanState] = {}
        self._asked: dict[str, int] = {}
        self._waiting: dict[str, asyncio.Future[PlanState | None]] = {}
        self._fetched: dict[str, float] = {}
        """When the driver was asked for its plan, by step."""
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

    async def fresh(self, step_id: str) -> PlanState | None:
        """A plan young enough to be consented to, made again if need be.

        None when the plan cannot be made, is refused, was forgotten meanwhile, or is waited for by a later call.
        """
        look, now = self.of(step_id), self._desk.clock.now()
        if look.at is not None and not look.is_of_driver and (now - look.at).total_seconds() <= FRESH:
            return look
        self._hand_out(step_id, None)
        waiting: asyncio.Future[PlanState | None] = asyncio.get_running_loop().create_future()
        self._waiting[step_id] = waiting
        self.make_plan(step_id)
        return await waiting

    def forget(self, step_id: str) -> None:
        """The world has changed: what was known no longer counts."""
        self._fetched.pop(step_id, None)
        if not self.of(step_id).is_of_driver:  # the driver's stays until the next one is fetched
            self._known.pop(step_id, None)
        self._asked[step_id] = self._asked.get(step_id, 0) + 1
        self._hand_out(step_id, None)

    def forget_all(self) -> None:
        """The runbook has changed: no plan counts any longer."""
        self._undoable.clear()
        for step_id in list(self._known):
            self.forget(step_id)

    def make_plan(self, step_id: str) -> None:
        """Have the plan made, unless it is being made."""
        if not self.of(step_id).planning:
            self._asked[step_id] = self._asked.get(step_id, 0) + 1
            self._known[step_id] = PlanState(since=self._desk.clock.now())
            start_work(self._node, self._make_plan, step_id, self._asked[step_id])
            self._changed()

    def show_driver_plan(self, step_id: str) -> None:
        """Have the driver's plan of the step fetched, as often as it may have changed; a plan of one's own stays."""
        look, now = self.of(step_id), time.monotonic()
        if look.planning or (look.plan is not None and not look.is_of_driver):
            return
        if now - self._fetched.get(step_id, -DRIVER_INTERVAL_S) >= DRIVER_INTERVAL_S:
            self._fetched[step_id] = now
            start_work(self._node, self._show_driver_plan, step_id, self._asked.get(step_id, 0))

    def drop_driver_plan(self, step_id: str) -> None:
        """The step is done or running, or nobody drives: the driver's plan of it is none any more."""
        if self.of(step_id).is_of_driver:
            self._known.pop(step_id)

    async def _show_driver_plan(self, step_id: str, number: int) -> None:
        with contextlib.suppress(WorkFailed):  # on another machine, or just gone: the plan of a moment ago stays
            found = await in_background(f"plan of the driver {step_id}", self._desk.driver_plan, step_id)
            if found is None and not self.of(step_id).is_of_driver:
                return
            look = NOTHING
            if found is not None:
                look = PlanState(plan=found[0], at=found[1], required=found[2], is_of_driver=True)
            if self._asked.get(step_id, 0) == number and self._known.get(step_id, NOTHING) != look:
                self._known[step_id] = look
                self._changed()

    async def _make_plan(self, step_id: str, number: int) -> None:
        """Plan, then evaluate the preconditions, so that a slow check does not hold the plan up."""
        try:
            plan = await in_background(f"plan {step_id}", self._desk.plan, step_id)
        except WorkFailed as failed:
            self._learn(step_id, number, PlanState(error=str(failed)))
            return
        look = PlanState(plan=plan, at=self._desk.clock.now())
        preconditions = self._desk.runbook.step(step_id).preconditions
        if not self._learn(step_id, number, look) or not preconditions:
            return
        try:
            found: Mapping[str, CriterionState] = await in_background(
                f"require {step_id}", self._desk.evaluate_preconditions, step_id
            )
        except WorkFailed as failed:  # the checks could not even be begun: nothing counts as met
            unknown = CriterionState(None, str(failed), self._desk.clock.now())
            found = {item.id: unknown for item in preconditions}
        self._learn(step_id, number, replace(look, required=found))

    def _learn(self, step_id: str, number: int, look: PlanState) -> bool:
        """Keep what was found out; False when it no longer counts."""
        if self._asked.get(step_id) != number:
            return False
        self._known[step_id] = look
        self._changed()
        self._hand_out(step_id, None if look.plan is None or look.plan.refusal else look)
        return True

    def _hand_out(self, step_id: str, look: PlanState | None) -> None:
        waiting = self._waiting.pop(step_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(look)
