"""Runs steps: plans one, starts it under a supervisor as it was consented to, ends it, checks what came of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from midwatch.api.plan import Plan
from midwatch.engine import attempts, criteria, policy, verification
from midwatch.engine.annotations import Annotations
from midwatch.engine.driving import require_same_files
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.planning import build_action, launch_spec_for, plan_step, require_same_inputs
from midwatch.engine.readings import take_readings
from midwatch.engine.script_plan import held_to_sudo
from midwatch.engine.secret_fetch import fetch_secrets, masked_values
from midwatch.engine.step_results import StepResults
from midwatch.incident import server_pins
from midwatch.incident.event_redaction import masked_plan
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.step_state import CriterionState
from midwatch.runbook.condition_forms import checks_in
from midwatch.runbook.model import Step, StepKind
from midwatch.supervisor import status
from midwatch.supervisor.launch import launch, prepare_to_launch
from midwatch.system.errors import Failed, MidwatchError, Refused
from midwatch.system.identity import Identity

BEFORE_LIMIT_S = 5.0
"""Seconds that readings may hold up the start of a step."""
PRECONDITION_LIMIT_S = 30.0
"""Seconds after which what a step requires counts as unknown."""
NEED_LIMIT_S = 120.0
"""Seconds after which a check of a condition counts as unknown."""
CHECKS_AT_ONCE = 16
"""Checks of the items of a loop that are evaluated side by side."""


@dataclass(frozen=True, slots=True)
class Consent:
    """The consent to all items of a loop."""

    loop: str
    approved_by: str
    """The second person, where the step takes two."""


class StepRunner:
    """What is done to a step that a machine does. Slow: a screen calls it from a worker thread."""

    def __init__(self, session: JournalSession, annotations: Annotations, results: StepResults) -> None:
        self._session = session
        self._annotations = annotations
        self._results = results

    def plan(self, step_id: str, *, undo: bool = False) -> Plan:
        """What the step, or its undo, would touch now. Looks at the world and changes nothing. Raises
        `MidwatchError`."""
        session = self._session
        session.require_drivable()
        if session.driving:
            prepare_to_launch()
        step, context = session.runbook.step(step_id), session.context(step_id)
        plan = plan_step(step, session.runbook, session.incident, context, undo=undo)
        plan = server_pins.held_to(plan, session.runbook, session.incident.pins)
        if session.driving:  # whoever only observes runs nothing, and need not be let by sudo
            plan = held_to_sudo(plan)
        self._annotations.pin_first(plan)
        return masked_plan(plan, session.secrets)

    def evaluate_preconditions(self, step_id: str) -> dict[str, CriterionState]:
        """Whether what the step requires holds now, by the id of the requirement. Looks at the world and changes
        nothing."""
        session = self._session
        session.require_drivable()
        wanted, context = session.runbook.step(step_id).preconditions, session.context(step_id)
        return criteria.evaluate(wanted, context, session.incident, limit=PRECONDITION_LIMIT_S)

    def check_need(self, step_id: str) -> None:
        """Evaluate the checks that decide whether the step, or each item of the loop, is needed; journal what they
        find."""
        session = self._session
        session.require_drivable()
        session.require_driver()
        step, context = session.runbook.step(step_id), session.context(step_id)
        needed = policy.require_need_checkable(step, session.incident, session.runbook)
        wanted = [(one.id, check) for one in needed for check in checks_in(one.when)]
        for first in range(0, len(wanted), CHECKS_AT_ONCE):
            some = wanted[first : first + CHECKS_AT_ONCE]
            specs = [dataclasses.replace(check, id=f"{one} {check.id}") for one, check in some]
            found = criteria.evaluate(specs, context, session.incident, limit=NEED_LIMIT_S)
            for (one, check), spec in zip(some, specs, strict=True):
                state = found[spec.id]
                body = {"step": one, "check": check.id, "holds": state.met, "detail": state.detail}
                session.append(EventKind.NEED_CHECKED, body)

    def start(
        self,
        step_id: str,
        plan: Plan,
        *,
        typed: str = "",
        reason: str = "",
        undo: bool = False,
        secrets: Mapping[str, str] = MappingProxyType({}),
        consent: Consent | None = None,
    ) -> None:
        """Run the step, or undo what it did, as the plan was shown. Returns once its supervisor owns it.

        `secrets` are those that a person was asked for (`midwatch.engine.secret_fetch`). `consent` is that to all items
        of a loop, for the step of one item: it stands for what is typed and approved. Raises `Refused` when it may not
        run (`midwatch.engine.policy`), and `Failed` when a secret cannot be fetched: then nothing is journalled and
        nothing runs.
        """
        session, results = self._session, self._results
        runbook, step, handle = session.runbook, session.runbook.step(step_id), session.require_driver()
        found = {} if undo else self.evaluate_preconditions(step_id)
        self.require_allowed(step, plan, found, typed=typed, reason=reason, undo=undo, consent=consent)
        fetched = fetch_secrets(step, plan, runbook, secrets)
        session.learn_secrets(masked_values(fetched))
        with session.mutex:
            incident = session.incident
            approved_by = self.require_allowed(
                step, plan, found, typed=typed, reason=reason, undo=undo, consent=consent
            )
            require_same_files(session.folder, runbook)
            require_same_inputs(plan, step, runbook, incident, undo=undo)
            number = len(incident.step(step_id).attempts) + 1
            attempt = session.folder.attempt(step_id, number)
            order = launch_spec_for(plan, step, runbook, session.folder, attempt, session.actor)
            body = attempts.confirmed_body(step, number, plan, reason, found, number - 1 if undo else None)
            body |= {"loop": consent.loop} if consent else {}
            body["plan_sha256"] = self._prepare(attempt, plan)
            handle.starting.add((step_id, number))
            try:
                session.append(EventKind.CONFIRMED, body | ({"approved_by": approved_by} if approved_by else {}))
            except BaseException:
                handle.starting.discard((step_id, number))
                raise
        try:
            before = take_readings(runbook, step.measure, session.clock, limit=BEFORE_LIMIT_S)
            results.record_readings(step, number, "before", before)
            session.release_reserve()
            owner = launch(attempt, order, session.refresh_secrets({**os.environ, **order.env}), plan, fetched)
            results.record_started(step, number, owner.to_json())
        except MidwatchError as error:
            if status.inspect_attempt(attempt) is None:
                results.record_end(step, number, StepOutcome.FAILED, str(error))
            raise
        finally:
            handle.starting.discard((step_id, number))

    def require_allowed(
        self,
        step: Step,
        plan: Plan,
        found: Mapping[str, CriterionState],
        *,
        typed: str,
        reason: str,
        undo: bool,
        consent: Consent | None = None,
    ) -> str:
        """Who approved the plan; empty where nobody has to. Raises `Refused` when it may not be run or undone now."""
        session, approved_by = self._session, ""
        typed = policy.name_to_type(step, plan) if consent else typed
        if undo:
            policy.require_undoable(step, plan, session.incident, typed=typed, reason=reason)
        else:
            policy.require_startable(step, plan, session.incident, session.runbook, typed=typed, reason=reason)
            policy.require_preconditions_or_reason(step, found, reason)
            person = Identity.current()
            approved_by = (
                consent.approved_by if consent else policy.require_approved_plan(step, plan, session.incident, person)
            )
        self._require_ended(step)
        return approved_by

    def cancel(self, step_id: str) -> None:
        """Ask the step's supervisor to end it: INT, then TERM, then KILL. The result comes by `poll`."""
        session = self._session
        handle, state = session.require_driver(), session.incident.step(step_id)
        title, attempt = session.runbook.step(step_id).title, session.attempt_folder(step_id)
        if state.last is not None and (step_id, state.last.number) in handle.verifying:
            hint = "Wait: this takes two minutes at most"
            raise Refused(f"{title} has ended, and what it verifies is being evaluated", hint=hint)
        try:
            asked = attempt is not None and status.cancel(attempt)
        except PermissionError:
            last = session.incident.step(step_id).last
            who = last.actor if last else "another user"
            hint = f"Ask them to end it, or as root: kill -TERM {last.supervisor.get('pid', '') if last else ''}"
            raise Refused(f"{title} was started by {who} and runs as them", hint=hint) from None
        if not asked:
            raise Refused(f"{title} is not running")

    def check_outcome(self, step_id: str) -> bool | None:
        """Whether an attempt whose end nobody saw took effect, looked up by its action and by what the step verifies,
        and journalled; None: unknown still."""
        session = self._session
        step = session.runbook.step(step_id)
        session.require_driver()
        attempt = policy.require_outcome_unknown(step, session.incident)
        self._require_ended(step)
        holds: bool | None = True
        detail = ""
        if step.kind is StepKind.USES:
            action = build_action(step, session.runbook, session.incident)
            holds, detail = attempts.verdict(action, session.context(step_id), attempt)
        if step.verify and holds:
            holds, verified = verification.evaluated(step, session).verdict
            detail = "; ".join(filter(None, (detail, verified)))
        body = {"step": step_id, "attempt": attempt.number, "holds": holds, "detail": detail}
        session.append(EventKind.OUTCOME_CHECKED, body | (attempts.marked(step) if holds else {}))
        return holds

    def _prepare(self, attempt: AttemptFolder, plan: Plan) -> str:
        session = self._session
        session.start_reserve.keep()
        try:
            return attempts.prepare(attempt, plan, session.secrets)
        except Failed:
            if not session.release_reserve():
                raise
            return attempts.prepare(attempt, plan, session.secrets)

    def _require_ended(self, step: Step) -> None:
        """Nothing is judged or run a second time while the first one may still be at work, unwatched."""
        folder, last = self._session.attempt_folder(step.id), self._session.incident.step(step.id).last
        if folder is None or last is None:
            return
        if isinstance(status.inspect_attempt(folder), status.Lost) and status.is_alive(last.supervisor, folder):
            hint = f"Wait for it, or end it: kill -TERM {last.supervisor['pid']}"
            raise Refused(f"{step.title} is still running, but its files on disk do not show that", hint=hint)
        found = status.unwatched(folder)
        if found is not None and found.step is not None:
            hint = f"Wait for it, or end it: {found.how_to_end}"
            raise Refused(f"{step.title} still runs as process {found.step.pid}, unwatched", hint=hint)
