"""The incident as front ends call it: which step is next, may it run, what has become of it.

The parts share one session: it writes the journal, and the incident's state is always what the journal's events reduce
to. Calls that look at the world (`plan`, `start`, `evaluate_closure`, `close`) take seconds: a screen makes them from a
worker thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from midwatch.control.driver_lock import DriverLock
from midwatch.control.lease import Lease, LeaseTimes
from midwatch.engine import incident_files
from midwatch.engine.adoption import Adoption
from midwatch.engine.annotations import Annotations
from midwatch.engine.approvals import Approvals
from midwatch.engine.batches import Batches
from midwatch.engine.choices import ask_inputs
from midwatch.engine.closure import Closure
from midwatch.engine.collaboration import Collaboration
from midwatch.engine.composer import Composer
from midwatch.engine.control import Control, this_process
from midwatch.engine.driver_handle import DriverHandle
from midwatch.engine.driving import drivable_runbook
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.message_requests import MessageRequests
from midwatch.engine.messages import Messages
from midwatch.engine.running_batch import RunningBatch
from midwatch.engine.shown_plans import ShownPlans
from midwatch.engine.source_notes import SourceNotes
from midwatch.engine.step_decisions import StepDecisions
from midwatch.engine.step_results import StepResults
from midwatch.engine.step_runner import StepRunner
from midwatch.engine.watch_request_notes import WatchRequests
from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.state import Incident, Offer
from midwatch.journal.reader import Tail
from midwatch.journal.writer import Journal
from midwatch.runbook.declaration import inputs_of
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.system.clock import Clock, SystemClock
from midwatch.system.errors import MidwatchError, Refused


class IncidentController:
    """One incident, driven or observed. Each call goes to the part that does it."""

    def __init__(self, session: JournalSession, times: LeaseTimes | None = None) -> None:
        """Use `declare`, `resume` or `observe`."""
        self.session = session
        """What the parts share. Front ends need `IncidentControls` only."""
        self.folder, self.actor, self.clock = session.folder, session.actor, session.clock
        self.settle = session.settle
        self.attempt_folder = session.attempt_folder

        self._control = control = Control(session, times or LeaseTimes())
        self.wait_for_lease_expiry = control.wait_for_lease_expiry
        self.heartbeat = control.heartbeat

        approvals = Approvals(session)
        self.pending_steps = approvals.pending_steps
        self.request_approval = approvals.request_approval
        self.plan_to_approve = approvals.plan_to_approve
        self.approve = approvals.approve
        self.decline = approvals.decline

        self._annotations = annotations = Annotations(session)
        self._messages = messages = Messages(session)
        requests = MessageRequests(session, messages, annotations)
        source_notes = SourceNotes(session)
        self.add_source_notes = source_notes.add
        self._watch_requests = WatchRequests(session, source_notes.add)
        self.take_up_requests = self._watch_requests.take_up
        shown_plans = ShownPlans(session)
        self.driver_plan = shown_plans.driver_plan
        self._collaboration = collaboration = Collaboration(
            session,
            control,
            {**approvals.handlers, **shown_plans.handlers, **requests.handlers, **source_notes.handlers},
        )
        self.register_observer = collaboration.register_observer
        self.offer_control = collaboration.offer_control
        self.withdraw_offer = collaboration.withdraw_offer
        self.request_control = collaboration.request_control

        self.note = annotations.note
        self.correct = annotations.correct
        self.star = annotations.star
        self.record_notification = annotations.record_notification
        self.update = annotations.update
        self.set_severity = annotations.set_severity
        self.pin_anew = annotations.pin_anew

        self._results = results = StepResults(session, annotations)
        runner = StepRunner(session, annotations, results)
        self._batches = batches = Batches(session, runner, results)
        self.plan = shown_plans.remembering(batches.plan)
        self.evaluate_preconditions = shown_plans.remembering_checks(batches.evaluate_preconditions)
        self.start = batches.start
        self.start_observing = batches.start_observing
        self.cancel = batches.cancel
        self.check_outcome = runner.check_outcome
        self.check_need = runner.check_need

        decisions = StepDecisions(session, annotations, results)
        self.questions = decisions.questions
        self.mark_done = decisions.mark_done
        self.mark_failed = decisions.mark_failed
        self.skip = decisions.skip
        self.reopen = decisions.reopen
        self.start_from = decisions.start_from

        adoption = Adoption(session)
        self.edited_source = adoption.edited_source
        self.difference = adoption.difference
        self.adopt = adoption.adopt

        self.composer = Composer(session, messages, annotations)
        self.receivers = messages.receivers
        self.decide_message = messages.decide

        closure = Closure(session, messages)
        self.evaluate_closure = closure.evaluate
        self.freeze_to_lift = closure.freeze_to_lift
        self.close = closure.close
        self.abandon = closure.abandon

    @classmethod
    def declare(
        cls,
        runbook: Runbook,
        *,
        actor: str,
        clock: Clock | None = None,
        times: LeaseTimes | None = None,
        severity: Severity | None = None,
        inputs: Mapping[str, str] | None = None,
        alert: Mapping[str, Any] | None = None,
    ) -> Self:
        """Begin a new incident and drive it, as severe as the runbook says or as told. Its journal is on disk then.
        `alert` is what declared it, where no person did.

        Raises `BadInput`, before anything is made, for inputs that are missing or do not fit what the runbook asks for.
        """
        values = inputs_of(ask_inputs(runbook), inputs or {})
        clock = clock or SystemClock()
        folder = incident_files.make_folder(runbook, clock)
        try:
            lock = DriverLock.take(folder, actor)
            journal = Journal.create(folder.journal, actor=actor, clock=clock, fence=lock.require)
            handle = DriverHandle(journal, lock)
            session = JournalSession(runbook, folder, actor=actor, clock=clock, own=runbook, handle=handle)
            body = incident_files.declared_body(runbook, folder, socket.gethostname(), severity, values)
            session.append(EventKind.DECLARED, body | ({"alert": dict(alert)} if alert else {}))
        except (OSError, MidwatchError):
            incident_files.unmake(folder)
            raise
        session.append(EventKind.DRIVER_JOINED, this_process())
        controller = cls(session, times)
        controller._collaboration.open_control_socket()
        session.name_fallbacks()
        session.report_short_secrets()
        controller._messages.follow()
        return controller

    @classmethod
    def resume(
        cls,
        folder: IncidentFolder,
        *,
        actor: str,
        clock: Clock | None = None,
        times: LeaseTimes | None = None,
        reason: str = "",
        own: Runbook | None = None,
    ) -> Self:
        """Drive an incident that was declared earlier. Raises `Refused` when it has a driver (`take_control`)."""
        controller = cls.observe(folder, actor=actor, clock=clock, times=times, own=own)
        controller.take_control(reason)
        return controller

    @classmethod
    def observe(
        cls,
        folder: IncidentFolder,
        *,
        actor: str = "",
        clock: Clock | None = None,
        times: LeaseTimes | None = None,
        own: Runbook | None = None,
    ) -> Self:
        """Follow an incident without touching it. Every call that would write raises `Refused`, until it has control.

        `own` is the operator's runbook, which lets them drive an incident that others could have written
        (`midwatch.engine.driving`).
        """
        tail = Tail(folder.journal)
        runbook, events = incident_files.reopen(folder, tail)
        undrivable = None
        try:
            runbook = drivable_runbook(folder, events, own)
        except Refused as refused:  # what the copies say is shown, and nothing of it is run: no panel either
            runbook, undrivable = dataclasses.replace(runbook, panels=()), refused
        clock = clock or SystemClock()
        session = JournalSession(runbook, folder, actor=actor, clock=clock, own=own, undrivable=undrivable)
        session.follow(tail, events)
        controller = cls(session, times)
        controller.poll()
        return controller

    # What is so now

    @property
    def runbook(self) -> Runbook:
        """The incident's runbook."""
        return self.session.runbook

    @property
    def events(self) -> Sequence[Event]:
        """Every event so far."""
        return self.session.events

    @property
    def incident(self) -> Incident:
        """The state after these events: replaced after each event, never changed in place."""
        return self.session.incident

    @property
    def driving(self) -> bool:
        """Whether this process may run steps."""
        return self.session.driving

    @property
    def undrivable(self) -> Refused | None:
        """Why nothing of this incident's runbook may be run from here."""
        return self.session.undrivable

    @property
    def head(self) -> str:
        """The SHA-256 of the journal's last line."""
        return self.session.head

    @property
    def next_update_due(self) -> datetime | None:
        """When the next status update is due; None when there is none to be sent."""
        return self.session.next_update_due

    @property
    def updates_overdue(self) -> int:
        """How many status updates are due by now and were not sent."""
        return self.session.updates_overdue

    @property
    def can_decide_messages(self) -> bool:
        """Whether `decide_message` may be called here."""
        return self._messages.can_decide

    @property
    def lease(self) -> Lease:
        """Who drives, and how alive that is."""
        return self._control.lease

    @property
    def observers(self) -> tuple[str, ...]:
        """Who follows along on this machine, one name for each screen."""
        return self._collaboration.observers

    @property
    def unreachable(self) -> str:
        """Why nobody can ask this driver for anything; empty when they can."""
        return self._collaboration.unreachable

    @property
    def offer(self) -> Offer | None:
        """The offer of control that stands now."""
        return self._collaboration.offer

    @property
    def batch(self) -> RunningBatch | None:
        """The steps that were last run by one decision from here; they may still run."""
        return self._batches.latest

    @property
    def offered_to_me(self) -> bool:
        """Whether control is mine to take."""
        return self._collaboration.offered_to_me

    # What takes several parts

    def take_control(self, reason: str = "") -> None:
        """Drive it from here, and write what the last driver would have written next; a heartbeat when it is driven
        from here.

        Raises `Refused` when this user may not drive it, or when another driver lives (`Control.take`).
        """
        session, had_it = self.session, self.driving
        if not had_it:
            session.trust_runbook()
        self._control.take(reason)
        self._collaboration.open_control_socket()
        if not had_it and session.incident.open:
            session.name_fallbacks()
            session.report_short_secrets()
            self._results.catch_up()

    def accept_control(self) -> None:
        """Take control from a driver that lives; nobody is asked for it before it is known that this user may drive.

        Raises `Refused` unless the driver has offered it, or is this same person at another terminal.
        """
        if not self.driving:
            self.session.trust_runbook()
            self._collaboration.ask_to_take()
            self.take_control()

    def leave(self) -> None:
        """Give control back without closing. Running steps go on; no further step of a batch starts."""
        self._batches.stop()
        with contextlib.suppress(MidwatchError):  # the next driver queues what this one did not
            self._messages.follow()
        self._control.leave()

    def poll(self) -> list[str]:
        """Take in what has happened since the last call; the ids of steps that changed. Cheap.

        It is a driver's heartbeat as well. Raises `Refused` once somebody took control from one that was unresponsive.
        """
        self._control.send_heartbeat()
        self._collaboration.keep_up()
        if to := self._collaboration.not_taken_up_by():
            with contextlib.suppress(MidwatchError):  # somebody has it, and the journal will say who
                self.take_control(f"{to} did not take it up")
        with self.session.mutex:
            self.session.take_in()
            if (handle := self.session.handle) is not None:
                self._results.collect(handle)
                self._annotations.update_automatically()
                self._watch_requests.follow()
                self._messages.follow()
                self.session.fail_back(handle)
            return self.session.take_changed()
