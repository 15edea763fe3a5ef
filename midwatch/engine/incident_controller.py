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

from midwatch.api.action import Context
from midwatch.api.plan import Plan
from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.control.lease import Lease
from midwatch.engine import attempts, criteria, incident_files, policy
from midwatch.engine.approvals import Approvals
from midwatch.engine.driving import drivable_runbook, require_same_files
from midwatch.engine.journal_session import DriverHandle
from midwatch.engine.planning import SilentConsole, build_action, order_for, plan_step, require_same_inputs
from midwatch.engine.readings import take_readings
from midwatch.engine.step_results import StepResults
from midwatch.incident import server_pins
from midwatch.incident.event_redaction import masked_plan
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.state import CriterionState
from midwatch.journal.reader import Tail
from midwatch.journal.writer import Journal
from midwatch.runbook.declaration import inputs_of
from midwatch.runbook.model import Runbook, Severity, Step
from midwatch.supervisor import start as supervisor
from midwatch.supervisor import status
from midwatch.system.clock import Clock, SystemClock
from midwatch.system.errors import Failed, MidwatchError, Refused
from midwatch.system.identity import Identity

BEFORE_LIMIT = 5.0
"""Seconds that readings may hold up the start of a step."""
REQUIRE_LIMIT = 30.0
"""Seconds after which what a step requires counts as unknown."""


class IncidentController(Approvals, StepResults):
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
        folder = incident_files.make_folder(runbook, clock)
        try:
            lock = DriverLock.take(folder, actor)
            journal = Journal.create(folder.journal, actor=actor, clock=clock, fence=lock.require)
            controller = cls(runbook, folder, [], actor=actor, clock=clock, handle=DriverHandle(journal, lock))
            body = incident_files.declared_body(runbook, folder, socket.gethostname(), severity, values)
            controller.append(EventKind.DECLARED, body)
        except (OSError, MidwatchError):
            incident_files.unmake(folder)
            raise
        controller._own = runbook
        controller.append(*controller._came(Lease(), False, ""))
        controller._open_control_socket()
        controller.name_fallbacks()
        controller.report_short_secrets()
        return controller

    @classmethod
    def resume(
        cls,
        folder: IncidentFolder,
        *,
        actor: str,
        clock: Clock | None = None,
        reason: str = "",
        own: Runbook | None = None,
    ) -> Self:
        """Drive an incident that was declared earlier. Raises `Refused` when it has a driver (`Control.take_control`)."""
        controller = cls.observe(folder, actor=actor, clock=clock, own=own)
        controller.take_control(reason)
        return controller

    @classmethod
    def observe(
        cls, folder: IncidentFolder, *, actor: str = "", clock: Clock | None = None, own: Runbook | None = None
    ) -> Self:
        """Follow an incident without touching it. Every call that would write raises `Refused`, until it has control.

        `own` is the operator's runbook, which lets them drive an incident that others could have written
        (`midwatch.engine.driving`).
        """
        runbook, events = incident_files.reopen(folder)
        undrivable = None
        try:
            runbook = drivable_runbook(folder, events[0], own)
        except Refused as refused:  # what the copies say is shown, and nothing of it is run: no panel either
            runbook, undrivable = dataclasses.replace(runbook, panels=()), refused
        controller = cls(runbook, folder, [], actor=actor, clock=clock or SystemClock(), handle=None)
        controller._own, controller.undrivable = own, undrivable
        controller._tail = Tail(folder.journal)
        controller.poll()
        return controller

    def take_control(self, reason: str = "") -> None:
        """Drive it from here, and write what the last driver would have written next."""
        had_it = self.driving
        if not had_it:
            self._take_trusted_runbook()
        super().take_control(reason)
        if not had_it and self.incident.open:
            self.name_fallbacks()
            self.report_short_secrets()
            self._catch_up()

    def accept_control(self) -> None:
        """Take control from a driver that lives; nobody is asked for it before it is known that this user may drive."""
        if not self.driving:
            self._take_trusted_runbook()
        super().accept_control()

    def _take_trusted_runbook(self) -> None:
        self.runbook = drivable_runbook(self.folder, self.events[0], self._own)
        self.undrivable = None

    # What happens by itself

    def poll(self) -> list[str]:
        """Take in what has happened since the last call; the ids of steps that changed. Cheap.

        It is a driver's heartbeat as well. Raises `Refused` once somebody took control from one that was unresponsive.
        """
        self._send_heartbeat()
        self._keep_company()
        with self._mutex:
            if self._handle is None:
                self.apply_events(self._tail.poll() if self._tail else [])
            else:
                for state in self.incident.running():
                    if state.last is not None and (state.id, state.last.number) not in self._handle.starting:
                        self._look_after(state, state.last)
                self.fail_back(self._handle)
            changed, self._changed = sorted(self._changed), set()
        return changed

    # What a person decides

    def plan(self, step_id: str, *, undo: bool = False) -> Plan:
        """What the step, or its undo, would touch now. Looks at the world and changes nothing. Raises `MidwatchError`."""
        self._require_drivable()
        plan = plan_step(self.runbook.step(step_id), self.runbook, self.incident, self._context(step_id), undo=undo)
        plan = server_pins.held_to(plan, self.runbook, self.incident.pins)
        self._pin_first(plan)
        return masked_plan(plan, self._secrets)

    def evaluate_preconditions(self, step_id: str) -> dict[str, CriterionState]:
        """Whether what the step requires holds now, by the id of the requirement. Looks at the world and changes nothing."""
        self._require_drivable()
        return criteria.evaluate(
            self.runbook.step(step_id).preconditions, self._context(step_id), self.incident, limit=REQUIRE_LIMIT
        )

    def start(self, step_id: str, plan: Plan, *, typed: str = "", reason: str = "", undo: bool = False) -> None:
        """Run the step, or undo what it did, as the plan was shown. Returns once its supervisor owns it.

        Raises `Refused` when it may not run (`midwatch.engine.policy`): then nothing is journalled and nothing runs.
        """
        step, handle = self.runbook.step(step_id), self._driver()
        found = {} if undo else self.evaluate_preconditions(step_id)
        with self._mutex:
            if undo:
                policy.require_undoable(step, plan, self.incident, typed=typed, reason=reason)
            else:
                policy.require_startable(step, plan, self.incident, self.runbook, typed=typed, reason=reason)
                policy.require_preconditions_or_reason(step, found, reason)
            approved_by = "" if undo else policy.require_approved_plan(step, plan, self.incident, Identity.current())
            self._require_ended(step)
            require_same_files(self.folder, self.runbook)
            require_same_inputs(plan, step, self.runbook, self.incident, undo=undo)
            number = len(self.incident.step(step_id).attempts) + 1
            attempt = self.folder.attempt(step_id, number)
            order = order_for(plan, step, self.runbook, self.folder, attempt, self.actor)
            self._prepare(attempt, plan)
            handle.starting.add((step_id, number))
            body = attempts.confirmed_body(step, number, plan, reason, found, number - 1 if undo else None)
            self.append(EventKind.CONFIRMED, body | ({"approved_by": approved_by} if approved_by else {}))
        try:
            before = take_readings(self.runbook, step.measure, self.clock, limit=BEFORE_LIMIT)
            self._journal_readings(step, number, "before", before)
            self.release_reserve()
            owner = supervisor.start(attempt, order, self.refresh_secrets({**os.environ, **order.env}), plan)
            self.append(EventKind.STARTED, self._started(step, number, owner.to_json()))
        except MidwatchError as error:
            if status.inspect_attempt(attempt) is None:
                self._finished(step, attempts.ended_without_result(step, number, StepOutcome.FAILED, str(error)))
            raise
        finally:
            handle.starting.discard((step_id, number))

    def _prepare(self, attempt: AttemptFolder, plan: Plan) -> None:
        self._start_reserve.keep()
        try:
            attempts.prepare(attempt, plan)
        except Failed:
            if not self.release_reserve():
                raise
            attempts.prepare(attempt, plan)

    def _require_ended(self, step: Step) -> None:
        """Nothing is judged or run a second time while the first one may still be at work, unwatched."""
        folder = self.attempt_folder(step.id)
        last = self.incident.step(step.id).last
        if (
            folder
            and last
            and isinstance(status.inspect_attempt(folder), status.Lost)
            and status.is_alive(last.supervisor, folder)
        ):
            hint = f"Wait for it, or end it: kill -TERM {last.supervisor['pid']}"
            raise Refused(f"{step.title} is still running, and its disk does not tell of it", hint=hint)
        found = status.unwatched(folder) if folder else None
        if found is not None and found.step is not None:
            hint = f"Wait for it, or end it: {found.how_to_end}"
            raise Refused(f"{step.title} still runs as process {found.step.pid}, unwatched", hint=hint)

    def cancel(self, step_id: str) -> None:
        """Ask the step's supervisor to end it: INT, then TERM, then KILL. The result comes by `poll`."""
        self._driver()
        attempt = self.attempt_folder(step_id)
        try:
            asked = attempt is not None and status.cancel(attempt)
        except PermissionError:
            last = self.incident.step(step_id).last
            who = last.actor if last else "another user"
            hint = f"Ask them to end it, or as root: kill -TERM {last.supervisor.get('pid', '') if last else ''}"
            raise Refused(
                f"{self.runbook.step(step_id).title} was started by {who} and runs as them", hint=hint
            ) from None
        if not asked:
            raise Refused(f"{self.runbook.step(step_id).title} is not running")

    def check_outcome(self, step_id: str) -> bool | None:
        """Whether an attempt whose end nobody saw took effect, looked up by its action and journalled; None: unknown still."""
        step = self.runbook.step(step_id)
        self._driver()
        attempt = policy.require_outcome_unknown(step, self.incident)
        self._require_ended(step)
        action = build_action(step, self.runbook, self.incident)
        holds, detail = attempts.verdict(action, self._context(step_id), attempt)
        self.append(
            EventKind.OUTCOME_CHECKED, {"step": step_id, "attempt": attempt.number, "holds": holds, "detail": detail}
        )
        return holds

    def mark_done(self, step_id: str, *, note: str = "", values: Mapping[str, str] | None = None) -> None:
        """A person did it. Its answers become values of the step; the roles that it tells count as told."""
        step = self.runbook.step(step_id)
        with self._mutex:
            self._driver()
            answers = policy.require_manual(step, self.incident, self.runbook, note=note, values=values or {})
            self.append(EventKind.MARKED_DONE, {"step": step_id, "note": note, "values": answers})
            for role in step.notify:
                self.record_notification(role, note or step.title)

    def mark_failed(self, step_id: str, reason: str) -> None:
        """A person tried it and it did not work."""
        step = self.runbook.step(step_id)
        with self._mutex:
            policy.require_decidable(step, self.incident, reason)
            body = {"step": step_id, "reason": reason, "notify": list(step.on_failure.notify)}
            self.append(EventKind.MARKED_FAILED, body)
            self._escalate()

    def skip(self, step_id: str, reason: str) -> None:
        """Go on without it, and say why."""
        with self._mutex:
            policy.require_decidable(self.runbook.step(step_id), self.incident, reason)
            self.append(EventKind.SKIPPED, {"step": step_id, "reason": reason})

    def start_from(self, step_id: str, reason: str) -> None:
        """Go on from this step: every earlier one that waits for somebody is skipped, with this reason."""
        with self._mutex:
            for step in policy.require_start_point(self.runbook.step(step_id), self.incident, self.runbook, reason):
                self.skip(step.id, f"begun at {self.runbook.step(step_id).number}: {reason}")

    def reopen(self, step_id: str, reason: str) -> None:
        """It was settled, and has to be done again."""
        with self._mutex:
            policy.require_decidable(self.runbook.step(step_id), self.incident, reason)
            self.append(EventKind.REOPENED, {"step": step_id, "reason": reason})

    # The end

    def evaluate_closure(self) -> dict[str, CriterionState]:
        """Evaluate every closure criterion now, and journal what was found (an observer only looks)."""
        self._require_drivable()
        found = criteria.evaluate(self.runbook.closure, self._context(""), self.incident)
        if self.driving:
            for name, state in found.items():
                self.append(EventKind.CRITERION, {"criterion": name, "met": state.met, "detail": state.detail})
        return found

    def close(self, *, reason: str = "") -> None:
        """End the incident. Raises `Refused` naming the criteria that are not met, unless a reason is given."""
        handle = self._driver()
        self.settle()
        found = self.evaluate_closure()
        with self._mutex:
            unmet = policy.require_closable(found, self.incident, self.runbook, reason)
            handle.journal.prepare()  # the event tells its own number, so nothing may come before it
            self.apply_events(handle.journal.events[len(self.events) :])
            count = len(self.events) + 1
            self.append(EventKind.CLOSED, {"reason": reason, "unmet": unmet, "events": count})
            self.append(EventKind.DRIVER_LEFT, {"reason": "closed"})
            self.release(handle, trim=True)

    def leave(self) -> None:
        """Give control back without closing. Running steps go on under their supervisors."""
        handle = self._handle
        if handle is None:
            return
        self._await_starts(handle)
        self.settle()
        with self._mutex, contextlib.suppress(TakenOver):  # then there is nothing left to give back
            if self.incident.open:
                self.append(EventKind.DRIVER_LEFT, {"reason": "left"})
            self.release(handle, trim=False)

    def _require_drivable(self) -> None:
        """Plans and checks run what the runbook says as well. Raises `Refused`."""
        if self.undrivable is not None:
            raise self.undrivable

    def _context(self, step_id: str) -> Context:
        return Context(self.runbook, SilentConsole(), self.clock, self.actor, incident=self.folder.path, step=step_id)
