"""The conductor: which step is next, may it run, what has become of it. Both front ends call it, and nothing else does.

It writes the journal; the incident's state is always the fold over the journal's events. Calls that look at the
world (`plan`, `start`, `evaluate_closure`, `close`) take seconds: a screen makes them from a worker thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
from collections.abc import Mapping
from typing import Self

from midwatch import attempts, closure, opening, pins, rules
from midwatch.action import Context
from midwatch.aftermath import Aftermath
from midwatch.approval import Approvals
from midwatch.clock import Clock, SystemClock
from midwatch.driving import drivable_runbook, require_same_files
from midwatch.errors import Failed, MidwatchError, Refused
from midwatch.incident.events import Kind, StepOutcome
from midwatch.incident.folder import AttemptFolder, IncidentFolder
from midwatch.incident.lease import Lease
from midwatch.incident.lock import DriverLock, TakenOver
from midwatch.incident.state import CriterionState
from midwatch.inputs import inputs_of
from midwatch.journal.reader import Tail
from midwatch.journal.writer import Journal
from midwatch.masking import masked_plan
from midwatch.person import Person
from midwatch.plan import Plan
from midwatch.planning import SilentConsole, build_action, order_for, plan_step, require_same_inputs
from midwatch.readings import take_readings
from midwatch.record import Wheel
from midwatch.runbook.model import Runbook, Severity, Step
from midwatch.supervisor import start as supervisor
from midwatch.supervisor import watch

BEFORE_LIMIT = 5.0
"""Seconds that readings may hold up the start of a step."""
REQUIRE_LIMIT = 30.0
"""Seconds after which what a step requires counts as unknown."""


class Conductor(Approvals, Aftermath):
    """One incident, driven or observed."""

    _own: Runbook | None = None
    """The runbook that the operator named or has here: one that they trust."""
    undrivable: Refused | None = None
    """Why nothing of this incident's runbook may be run from here; it can be followed all the same."""

    @classmethod
    def declare(
        cls,
        runbook: Runbook,
        *,
        actor: str,
        clock: Clock | None = None,
        severity: Severity | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Self:
        """Begin a new incident and drive it, as severe as the runbook says or as told. Its journal is on disk then.

        Raises `BadInput`, before anything is made, for inputs that are missing or do not fit what the runbook asks for.
        """
        values = inputs_of(runbook, inputs or {})
        clock = clock or SystemClock()
        folder = opening.make_folder(runbook, clock)
        try:
            lock = DriverLock.take(folder, actor)
            journal = Journal.create(folder.journal, actor=actor, clock=clock, fence=lock.require)
            conductor = cls(runbook, folder, [], actor=actor, clock=clock, wheel=Wheel(journal, lock))
            body = opening.declared_body(runbook, folder, socket.gethostname(), severity, values)
            conductor._append(Kind.DECLARED, body)
        except (OSError, MidwatchError):
            opening.unmake(folder)
            raise
        conductor._own = runbook
        conductor._append(*conductor._came(Lease(), False, ""))
        conductor._open_door()
        conductor._name_places()
        conductor._name_unmasked()
        return conductor

    @classmethod
    def resume(
        cls, folder: IncidentFolder, *, actor: str, clock: Clock | None = None, reason: str = "", own: Runbook | None = None
    ) -> Self:
        """Drive an incident that was declared earlier. Raises `Refused` when it has a driver (`Helm.take_wheel`)."""
        conductor = cls.observe(folder, actor=actor, clock=clock, own=own)
        conductor.take_wheel(reason)
        return conductor

    @classmethod
    def observe(
        cls, folder: IncidentFolder, *, actor: str = "", clock: Clock | None = None, own: Runbook | None = None
    ) -> Self:
        """Follow an incident without touching it. Every call that would write raises `Refused`, until it has the wheel.

        `own` is the operator's runbook, which lets them drive an incident that others could have written (`midwatch.driving`).
        """
        runbook, events = opening.reopen(folder)
        undrivable = None
        try:
            runbook = drivable_runbook(folder, events[0], own)
        except Refused as refused:  # what the copies say is shown, and nothing of it is run: no panel either
            runbook, undrivable = dataclasses.replace(runbook, panels=()), refused
        conductor = cls(runbook, folder, [], actor=actor, clock=clock or SystemClock(), wheel=None)
        conductor._own, conductor.undrivable = own, undrivable
        conductor._tail = Tail(folder.journal)
        conductor.poll()
        return conductor

    def take_wheel(self, reason: str = "") -> None:
        """Drive it from here, and write what the last driver would have written next."""
        had_it = self.driving
        if not had_it:
            self._take_trusted_runbook()
        super().take_wheel(reason)
        if not had_it and self.incident.open:
            self._name_places()
            self._name_unmasked()
            self._catch_up()

    def be_given_wheel(self) -> None:
        """Take the wheel from a driver that lives; nobody is asked for it before it is known that this user may drive."""
        if not self.driving:
            self._take_trusted_runbook()
        super().be_given_wheel()

    def _take_trusted_runbook(self) -> None:
        self.runbook = drivable_runbook(self.folder, self.events[0], self._own)
        self.undrivable = None

    # What happens by itself

    def poll(self) -> list[str]:
        """Take in what has happened since the last call; the ids of steps that changed. Cheap.

        It is a driver's sign of life as well. Raises `Refused` once somebody took the wheel from one that gave none.
        """
        self._beat()
        self._keep_company()
        with self._mutex:
            if self._wheel is None:
                self._take_in(self._tail.poll() if self._tail else [])
            else:
                for state in self.incident.running():
                    if state.last is not None and (state.id, state.last.number) not in self._wheel.under_way:
                        self._look_after(state, state.last)
                self._bring_back(self._wheel)
            changed, self._changed = sorted(self._changed), set()
        return changed

    # What a person decides

    def plan(self, step_id: str, *, undo: bool = False) -> Plan:
        """What the step, or its undo, would touch now. Looks at the world and changes nothing. Raises `MidwatchError`."""
        self._require_drivable()
        plan = plan_step(self.runbook.step(step_id), self.runbook, self.incident, self._context(step_id), undo=undo)
        plan = pins.held_to(plan, self.runbook, self.incident.pins)
        self._pin_first(plan)
        return masked_plan(plan, self._secrets)

    def required(self, step_id: str) -> dict[str, CriterionState]:
        """Whether what the step requires holds now, by the id of the requirement. Looks at the world and changes nothing."""
        self._require_drivable()
        return closure.evaluate(
            self.runbook.step(step_id).preconditions, self._context(step_id), self.incident, limit=REQUIRE_LIMIT
        )

    def start(self, step_id: str, plan: Plan, *, typed: str = "", reason: str = "", undo: bool = False) -> None:
        """Run the step, or take back what it did, as the plan was shown. Returns once its supervisor owns it.

        Raises `Refused` when it may not run (`midwatch.rules`): then nothing is journalled and nothing runs.
        """
        step, wheel = self.runbook.step(step_id), self._driver()
        found = {} if undo else self.required(step_id)
        with self._mutex:
            if undo:
                rules.may_undo(step, plan, self.incident, typed=typed, reason=reason)
            else:
                rules.may_start(step, plan, self.incident, self.runbook, typed=typed, reason=reason)
                rules.may_go_without(step, found, reason)
            approved_by = "" if undo else rules.may_go_with(step, plan, self.incident, Person.me())
            self._require_ended(step)
            require_same_files(self.folder, self.runbook)
            require_same_inputs(plan, step, self.runbook, self.incident, undo=undo)
            number = len(self.incident.step(step_id).attempts) + 1
            attempt = self.folder.attempt(step_id, number)
            order = order_for(plan, step, self.runbook, self.folder, attempt, self.actor)
            self._prepare(attempt, plan)
            wheel.under_way.add((step_id, number))
            body = attempts.confirmed_body(step, number, plan, reason, found, number - 1 if undo else None)
            self._append(Kind.CONFIRMED, body | ({"approved_by": approved_by} if approved_by else {}))
        try:
            before = take_readings(self.runbook, step.measure, self.clock, limit=BEFORE_LIMIT)
            self._journal_readings(step, number, "before", before)
            self._make_room()
            owner = supervisor.start(attempt, order, self._learn_secrets({**os.environ, **order.env}))
            self._append(Kind.STARTED, self._started(step, number, owner.to_json()))
        except MidwatchError as error:
            if watch.look(attempt) is None:
                self._finished(step, attempts.ended_without_result(step, number, StepOutcome.FAILED, str(error)))
            raise
        finally:
            wheel.under_way.discard((step_id, number))

    def _prepare(self, attempt: AttemptFolder, plan: Plan) -> None:
        self._spare.keep()
        try:
            attempts.prepare(attempt, plan)
        except Failed:
            if not self._make_room():
                raise
            attempts.prepare(attempt, plan)

    def _require_ended(self, step: Step) -> None:
        """Nothing is judged or run a second time while the first one may still be at work, unwatched."""
        folder = self.attempt_folder(step.id)
        last = self.incident.step(step.id).last
        if folder and last and isinstance(watch.look(folder), watch.Lost) and watch.is_alive(last.supervisor, folder):
            hint = f"Wait for it, or end it: kill -TERM {last.supervisor['pid']}"
            raise Refused(f"{step.title} is under way still, and its disk does not tell of it", hint=hint)
        found = watch.unwatched(folder) if folder else None
        if found is not None and found.step is not None:
            hint = f"Wait for it, or end it: {found.how_to_end}"
            raise Refused(f"{step.title} still runs as process {found.step.pid}, unwatched", hint=hint)

    def cancel(self, step_id: str) -> None:
        """Ask the step's supervisor to end it: INT, then TERM, then KILL. The result comes by `poll`."""
        self._driver()
        attempt = self.attempt_folder(step_id)
        try:
            asked = attempt is not None and watch.cancel(attempt)
        except PermissionError:
            last = self.incident.step(step_id).last
            who = last.actor if last else "another user"
            hint = f"Ask them to end it, or as root: kill -TERM {last.supervisor.get('pid', '') if last else ''}"
            raise Refused(f"{self.runbook.step(step_id).title} was started by {who} and runs as them", hint=hint) from None
        if not asked:
            raise Refused(f"{self.runbook.step(step_id).title} is not under way")

    def verify(self, step_id: str) -> bool | None:
        """Whether an attempt whose end nobody saw took effect, looked up by its action and journalled; None: unknown still."""
        step = self.runbook.step(step_id)
        self._driver()
        attempt = rules.may_verify(step, self.incident)
        self._require_ended(step)
        action = build_action(step, self.runbook, self.incident)
        holds, detail = attempts.verdict(action, self._context(step_id), attempt)
        self._append(Kind.OUTCOME_CHECKED, {"step": step_id, "attempt": attempt.number, "holds": holds, "detail": detail})
        return holds

    def tick(self, step_id: str, *, note: str = "", values: Mapping[str, str] | None = None) -> None:
        """A person did it. Its answers become values of the step; the roles that it tells count as told."""
        step = self.runbook.step(step_id)
        with self._mutex:
            self._driver()
            answers = rules.may_tick(step, self.incident, self.runbook, note=note, values=values or {})
            self._append(Kind.MARKED_DONE, {"step": step_id, "note": note, "values": answers})
            for role in step.notify:
                self.told(role, note or step.title)

    def fail(self, step_id: str, reason: str) -> None:
        """A person tried it and it did not work."""
        step = self.runbook.step(step_id)
        with self._mutex:
            rules.may_decide(step, self.incident, reason)
            body = {"step": step_id, "reason": reason, "notify": list(step.on_failure.notify)}
            self._append(Kind.MARKED_FAILED, body)
            self._escalate()

    def skip(self, step_id: str, reason: str) -> None:
        """Go on without it, and say why."""
        with self._mutex:
            rules.may_decide(self.runbook.step(step_id), self.incident, reason)
            self._append(Kind.SKIPPED, {"step": step_id, "reason": reason})

    def begin_at(self, step_id: str, reason: str) -> None:
        """Go on from this step: every earlier one that waits for somebody is skipped, with this reason."""
        with self._mutex:
            for step in rules.may_begin_at(self.runbook.step(step_id), self.incident, self.runbook, reason):
                self.skip(step.id, f"begun at {self.runbook.step(step_id).number}: {reason}")

    def reopen(self, step_id: str, reason: str) -> None:
        """It was settled, and has to be done again."""
        with self._mutex:
            rules.may_decide(self.runbook.step(step_id), self.incident, reason)
            self._append(Kind.REOPENED, {"step": step_id, "reason": reason})

    # The end

    def evaluate_closure(self) -> dict[str, CriterionState]:
        """Evaluate every closure criterion now, and journal what was found (an observer only looks)."""
        self._require_drivable()
        found = closure.evaluate(self.runbook.closure, self._context(""), self.incident)
        if self.driving:
            for name, state in found.items():
                self._append(Kind.CRITERION, {"criterion": name, "met": state.met, "detail": state.detail})
        return found

    def close(self, *, reason: str = "") -> None:
        """End the incident. Raises `Refused` naming the criteria that are not met, unless a reason is given."""
        wheel = self._driver()
        self.settle()
        found = self.evaluate_closure()
        with self._mutex:
            unmet = rules.may_close(found, self.incident, self.runbook, reason)
            wheel.journal.prepare()  # the event tells its own number, so nothing may come before it
            self._take_in(wheel.journal.events[len(self.events) :])
            count = len(self.events) + 1
            self._append(Kind.CLOSED, {"reason": reason, "unmet": unmet, "events": count})
            self._append(Kind.DRIVER_LEFT, {"reason": "closed"})
            self._let_go(wheel, trim=True)

    def leave(self) -> None:
        """Give the wheel back without closing. Steps under way go on under their supervisors."""
        wheel = self._wheel
        if wheel is None:
            return
        self._await_starts(wheel)
        self.settle()
        with self._mutex, contextlib.suppress(TakenOver):  # then there is nothing left to give back
            if self.incident.open:
                self._append(Kind.DRIVER_LEFT, {"reason": "left"})
            self._let_go(wheel, trim=False)

    def _require_drivable(self) -> None:
        """Plans and checks run what the runbook says as well. Raises `Refused`."""
        if self.undrivable is not None:
            raise self.undrivable

    def _context(self, step_id: str) -> Context:
        return Context(self.runbook, SilentConsole(), self.clock, self.actor, incident=self.folder.path, step=step_id)
