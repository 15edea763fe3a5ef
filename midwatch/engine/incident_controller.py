"""The conductor: which step is next, may it run, what has become of it. Both front ends call it, and nothing else does.

It writes the journal; the incident's state is always the fold over the journal's events. Calls that look at the
world (`plan`, `start`, `evaluate_closure`, `close`) take seconds: a screen makes them from a worker thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import Mapping
from typing import Self

from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.control.lease import Lease
from midwatch.engine import incident_files
from midwatch.engine.annotations import Annotations
from midwatch.engine.approvals import Approvals
from midwatch.engine.closure import Closure
from midwatch.engine.control import LEAVING
from midwatch.engine.driving import drivable_runbook
from midwatch.engine.journal_session import DriverHandle
from midwatch.engine.step_decisions import StepDecisions
from midwatch.engine.step_results import StepResults
from midwatch.engine.step_runner import StepRunner
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.runbook.declaration import inputs_of
from midwatch.runbook.model import Runbook, Severity
from midwatch.system.clock import Clock, SystemClock
from midwatch.system.errors import MidwatchError, Refused

BEFORE_LIMIT = 5.0
"""Seconds that readings may hold up the start of a step."""
REQUIRE_LIMIT = 30.0
"""Seconds after which what a step requires counts as unknown."""


class IncidentController(Approvals):
    """One incident, driven or observed."""

    def __init__(
        self,
        runbook: Runbook,
        folder: IncidentFolder,
        *,
        actor: str,
        clock: Clock,
        own: Runbook | None = None,
        undrivable: Refused | None = None,
        handle: DriverHandle | None = None,
    ) -> None:
        super().__init__(runbook, folder, actor=actor, clock=clock, own=own, undrivable=undrivable, handle=handle)
        annotations = Annotations(self)
        self.note = annotations.note
        self.correct = annotations.correct
        self.star = annotations.star
        self.record_notification = annotations.record_notification
        self.update = annotations.update
        self.set_severity = annotations.set_severity
        self.pin_anew = annotations.pin_anew
        self._results = StepResults(self, annotations)
        runner = StepRunner(self, annotations, self._results)
        self.plan = runner.plan
        self.evaluate_preconditions = runner.evaluate_preconditions
        self.start = runner.start
        self.cancel = runner.cancel
        self.check_outcome = runner.check_outcome
        decisions = StepDecisions(self, annotations, self._results)
        self.mark_done = decisions.mark_done
        self.mark_failed = decisions.mark_failed
        self.skip = decisions.skip
        self.reopen = decisions.reopen
        self.start_from = decisions.start_from
        closure = Closure(self)
        self.evaluate_closure = closure.evaluate
        self.close = closure.close

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
            handle = DriverHandle(journal, lock)
            controller = cls(runbook, folder, actor=actor, clock=clock, own=runbook, handle=handle)
            body = incident_files.declared_body(runbook, folder, socket.gethostname(), severity, values)
            controller.append(EventKind.DECLARED, body)
        except (OSError, MidwatchError):
            incident_files.unmake(folder)
            raise
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
        clock = clock or SystemClock()
        controller = cls(runbook, folder, actor=actor, clock=clock, own=own, undrivable=undrivable)
        controller.follow()
        controller.poll()
        return controller

    def take_control(self, reason: str = "") -> None:
        """Drive it from here, and write what the last driver would have written next."""
        had_it = self.driving
        if not had_it:
            self.trust_runbook()
        super().take_control(reason)
        if not had_it and self.incident.open:
            self.name_fallbacks()
            self.report_short_secrets()
            self._results.catch_up()

    def accept_control(self) -> None:
        """Take control from a driver that lives; nobody is asked for it before it is known that this user may drive."""
        if not self.driving:
            self.trust_runbook()
        super().accept_control()

    # What happens by itself

    def poll(self) -> list[str]:
        """Take in what has happened since the last call; the ids of steps that changed. Cheap.

        It is a driver's heartbeat as well. Raises `Refused` once somebody took control from one that was unresponsive.
        """
        self._send_heartbeat()
        self._keep_company()
        with self.mutex:
            if self.handle is None:
                self.take_in()
            else:
                self._results.collect(self.handle)
                self.fail_back(self.handle)
        return self.take_changed()

    def leave(self) -> None:
        """Give control back without closing. Running steps go on under their supervisors."""
        handle = self.handle
        if handle is None:
            return
        handle.await_starts(LEAVING)
        self.settle()
        with self.mutex, contextlib.suppress(TakenOver):  # then there is nothing left to give back
            if self.incident.open:
                self.append(EventKind.DRIVER_LEFT, {"reason": "left"})
            self.release(handle, trim=False)
