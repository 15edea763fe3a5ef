"""Runs several steps by one decision: the items of a loop by one consent, or all that only observes in a phase."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType

from midwatch.api.plan import PLAN_AGAIN, Plan
from midwatch.engine import step_selection
from midwatch.engine.joint_plan import joint_plan
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.planning import can_undo, no_undo
from midwatch.engine.running_batch import Group, RunningBatch
from midwatch.engine.step_results import StepResults
from midwatch.engine.step_runner import Consent, StepRunner
from midwatch.incident.step_state import CriterionState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Step
from midwatch.system.errors import MidwatchError, Refused

_PLANNED_AT_ONCE = 8


class Batches:
    """What `StepRunner` does to one step, done to a loop as well. One batch runs at a time."""

    def __init__(self, session: JournalSession, runner: StepRunner, results: StepResults) -> None:
        self._session, self._runner, self._results = session, runner, results
        self._planned: dict[str, tuple[str, dict[str, Plan], bool]] = {}
        """By loop: the digest of the last joint plan, the plans that it was made of by id of the step, and whether they
        are those of an undo."""
        self.latest: RunningBatch | None = None

    def plan(self, step_id: str, *, undo: bool = False) -> Plan:
        """The plan of the step, or of its undo; of a loop, what all items would touch that can be run or undone now."""
        step = self._session.runbook.step(step_id)
        if step.loop is None or step.awaits_items:
            return self._runner.plan(step_id, undo=undo)
        incident, runbook = self._session.incident, self._session.runbook
        if undo and can_undo(step, runbook, incident) is False:
            raise no_undo(step)
        choose = step_selection.steps_to_undo if undo else partial(step_selection.items_to_run, runbook=runbook)
        items = choose(step, incident)
        if not items:
            what = "undone" if undo else "run"
            raise Refused(f"No item of {step.title} is left that can be {what} now", hint="See its items")
        plans, left_out = dict[str, Plan](), dict[str, str]()
        with ThreadPoolExecutor(_PLANNED_AT_ONCE, thread_name_prefix=f"plans of {step_id}") as pool:
            planned = pool.map(partial(self._plan_or_reason, undo=undo), items)
            for item, found in zip(items, planned, strict=True):
                if isinstance(found, Plan):
                    plans[item.id] = found
                else:
                    left_out[_text(item)] = found
        joint = joint_plan(step, {_text(self._step(name)): plan for name, plan in plans.items()}, left_out)
        self._planned[step_id] = joint.digest, plans, undo
        return joint

    def evaluate_preconditions(self, step_id: str) -> dict[str, CriterionState]:
        """Whether what the step requires holds now; of a loop, whether it holds for every item that can be run."""
        step = self._session.runbook.step(step_id)
        if step.loop is None or not step.preconditions:
            return self._runner.evaluate_preconditions(step_id)
        worst: dict[str, CriterionState] = {}
        items = step_selection.items_to_run(step, self._session.incident, self._session.runbook)
        different = [next(same) for _, same in itertools.groupby(items, key=lambda item: item.preconditions)]
        for item in different:
            for name, state in self._runner.evaluate_preconditions(item.id).items():
                if len(different) > 1:
                    state = dataclasses.replace(state, detail=f"{_text(item)}: {state.detail}")
                if name not in worst or (worst[name].met is True and state.met is not True):
                    worst[name] = state
        return worst

    def start(
        self,
        step_id: str,
        plan: Plan,
        *,
        typed: str = "",
        reason: str = "",
        undo: bool = False,
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Run or undo the step, or the items of a loop, as the plan was shown. Returns once the first one runs.

        `secrets` are those that a person was asked for, once for all items.
        """
        step = self._session.runbook.step(step_id)
        if step.loop is None:
            self._runner.start(step_id, plan, typed=typed, reason=reason, undo=undo, secrets=secrets)
            return
        digest, plans, is_undo = self._planned.get(step_id, ("", {}, undo))
        if (digest, is_undo) != (plan.digest, undo):
            raise Refused(f"{step.title} was planned anew since this plan was shown", hint=PLAN_AGAIN)
        found = {} if undo else self.evaluate_preconditions(step_id)
        with self._session.mutex:
            self._session.require_driver()
            approved_by = self._runner.require_allowed(step, plan, found, typed=typed, reason=reason, undo=undo)

        def start(item_id: str) -> bool:
            incident, item = self._session.incident, self._step(item_id)
            is_ready = step_selection.steps_to_undo(item, incident) if undo else incident.status(item).is_runnable
            if not is_ready:
                return False
            consent = Consent(step_id, approved_by)
            self._runner.start(item_id, plans[item_id], reason=reason, undo=undo, secrets=secrets, consent=consent)
            return True

        group = Group(tuple(plans), step.loop.parallel, step.loop.stop_on_failure)
        self._begin(RunningBatch(step_id, [group], start, self._session, self._results))

    def start_observing(self, phase_id: str) -> None:
        """Run every step of the phase that only observes and is to do. Returns once the first one runs.

        A step that fails holds no other one up, but those that depend on it.
        """
        self._session.require_driver()
        phase = next(phase for phase in self._session.runbook.phases if phase.id == phase_id)
        steps = step_selection.observing_steps(phase, self._session.incident, self._session.runbook)
        if not steps:
            raise Refused(f"Nothing is left in {phase.title} that only observes", hint="Run the next step")

        def start(step_id: str) -> bool:
            if not self._waits(step_id, StepStatus.TODO, StepStatus.PROVE_AGAIN) or self._unmet(self._step(step_id)):
                return False
            self._runner.start(step_id, self._runner.plan(step_id))
            return True

        self._begin(RunningBatch(f"phase {phase_id}", _groups(steps, self._loop), start, self._session, self._results))

    def cancel(self, step_id: str) -> None:
        """End the step, or all items of a loop that run; no further item starts then."""
        batch, step = self.latest, self._step(step_id)
        items = step.loop.steps if step.loop else (step,)
        is_batch = batch is not None and batch.is_active and batch.name == (step.item.loop if step.item else step.id)
        if batch is not None and is_batch:
            batch.stop()
        running = [item.id for item in items if self._waits(item.id, StepStatus.RUNNING)]
        for name in running or ([] if is_batch else [step_id]):
            self._runner.cancel(name)

    def stop(self) -> None:
        """Start no further step of the batch that runs."""
        if self.latest is not None:
            self.latest.stop()

    def _begin(self, batch: RunningBatch) -> None:
        with self._session.mutex:
            if self.latest is not None and self.latest.is_active:
                raise Refused(f"{self.latest.name} is being run from here", hint="Wait for it or cancel it")
            self.latest = batch
        batch.begin()
        if not batch.started and (problems := batch.take_problems()):
            raise Refused("; ".join(problems))

    def _plan_or_reason(self, step: Step, *, undo: bool) -> Plan | str:
        try:
            plan = self._runner.plan(step.id, undo=undo)
        except MidwatchError as error:
            return str(error)
        return plan.refusal or plan

    def _step(self, step_id: str) -> Step:
        return self._session.runbook.step(step_id)

    def _loop(self, step: Step) -> Step | None:
        return self._session.runbook.loops[step.item.loop] if step.item else None

    def _unmet(self, step: Step) -> list[Step]:
        return self._session.incident.unmet_needs(step, self._session.runbook)

    def _waits(self, step_id: str, *states: StepStatus) -> bool:
        return self._session.incident.status(self._step(step_id)) in states


def _text(step: Step) -> str:
    """The item of a step."""
    assert step.item is not None
    return step.item.text


def _groups(steps: Sequence[Step], loop_of: Callable[[Step], Step | None]) -> list[Group]:
    """Each step alone, and the items of a loop together, as many at a time as the loop says."""
    groups: list[Group] = []
    for loop, together in itertools.groupby(steps, key=loop_of):
        names = tuple(step.id for step in together)
        if loop is None or loop.loop is None:
            groups += [Group((name,)) for name in names]
        else:
            groups.append(Group(names, loop.loop.parallel, loop.loop.stop_on_failure))
    return groups
