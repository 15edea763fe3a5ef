"""A desk in memory: the reference runbook at a chosen moment, its events folded as the real one folds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.control.lease import Lease
from midwatch.engine import policy
from midwatch.engine.annotations import ManualCommand
from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.incident.server_pins import new_pins
from midwatch.incident.state import CriterionState, Incident, Offer
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.runbook import loader
from midwatch.runbook.model import Runbook, Severity, Step
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import MidwatchError, Refused
from midwatch.system.identity import Identity

RUNBOOK_FILE = Path(__file__).parents[2] / "runbook.yaml"
NIGHT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class StillClock:
    """A clock that stands until it is set."""

    def __init__(self, at: datetime = NIGHT) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NIGHT).total_seconds()

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class SessionInMemory:
    """Journals into a list, plans what it was told to plan, and never runs anything."""

    def __init__(self, runbook: Runbook, folder: Path, clock: StillClock, *, actor: str = "ada@bastion") -> None:
        self.runbook, self.folder, self.clock, self.actor = runbook, IncidentFolder(folder), clock, actor
        self.driving = True
        self.plans: dict[str, Plan | MidwatchError] = {}
        self.criteria: dict[str, CriterionState] = {}
        self.started: list[tuple[str, str, str]] = []
        self.events: list[Event] = []
        self.incident = Incident()
        self._seen = 0
        self.asked: list[str] = []
        self.lease = Lease()
        self.unreachable = ""
        self.observers: tuple[str, ...] = ()
        declared = {
            "id": folder.name,
            "title": runbook.title,
            "severity": runbook.severity.value,
            "base": str(runbook.base),
        }
        self.journal(EventKind.DECLARED, declared)
        self.journal(EventKind.DRIVER_JOINED, {"host": "bastion", "pid": 1, "terminal": "/dev/pts/0"})

    def journal(self, kind: EventKind, body: Mapping[str, Any], *, actor: str = "") -> None:
        event = Event(
            len(self.events) + 1, self.clock.now(), self.clock.monotonic(), "boot", actor or self.actor, kind, body
        )
        self.events = [*self.events, event]
        self.incident = reduce(self.events)

    def _write(self, kind: EventKind, body: Mapping[str, Any]) -> None:
        if not self.driving:
            raise Refused("This terminal only observes")
        self.journal(kind, body)

    @property
    def next_update_due(self) -> datetime | None:
        since = self.incident.last_update_at or self.incident.declared_at
        return since + timedelta(seconds=self.runbook.comms.update_every) if since and self.incident.open else None

    def poll(self) -> list[str]:
        new, self._seen = self.events[self._seen :], len(self.events)
        return sorted({str(event.body["step"]) for event in new if "step" in event.body})

    def plan(self, step_id: str, *, undo: bool = False) -> Plan:
        found = self.plans.get(f"undo {step_id}" if undo else step_id) or PlanDraft("shell", {"step": step_id}).plan()
        if isinstance(found, MidwatchError):
            raise found
        return found

    def evaluate_preconditions(self, step_id: str) -> dict[str, CriterionState]:
        late = CriterionState(None, "no answer", self.clock.now())
        return {item.id: self.criteria.get(item.id, late) for item in self.runbook.step(step_id).preconditions}

    def check_outcome(self, step_id: str) -> bool | None:
        attempt = policy.require_outcome_unknown(self.runbook.step(step_id), self.incident)
        self._write(
            EventKind.OUTCOME_CHECKED,
            {"step": step_id, "attempt": attempt.number, "holds": True, "detail": "it is there"},
        )
        return True

    def start_from(self, step_id: str, reason: str) -> None:
        for step in policy.require_start_point(self.runbook.step(step_id), self.incident, self.runbook, reason):
            self.skip(step.id, reason)

    def pin_anew(self, plan: Plan, reason: str) -> None:
        for body in new_pins(plan, self.runbook, self.incident.pins, reason):
            self._write(EventKind.PINNED, body)

    # Other people

    @property
    def offer(self) -> Offer | None:
        return self.incident.offer

    @property
    def offered_to_me(self) -> bool:
        return self.offer is not None and self.offer.to == self.actor.partition("@")[0]

    def offer_control(self, to: str) -> None:
        summary = as_lines(handoff_summary(self.runbook, self.incident, self.clock, self.next_update_due))
        expires = to_rfc3339(self.clock.now() + timedelta(minutes=10))
        self._write(EventKind.HANDOFF_OFFERED, {"to": to, "expires": expires, "summary": summary})

    def withdraw_offer(self) -> None:
        self._write(EventKind.HANDOFF_WITHDRAWN, {"to": "bob", "reason": "withdrawn"})

    def request_control(self) -> None:
        self.asked.append(self.actor)

    def accept_control(self) -> None:
        self.take_control()

    def take_control(self, reason: str = "") -> None:
        self.driving = True
        self.journal(EventKind.DRIVER_JOINED, {"host": "bastion", "pid": 2, "terminal": "", "reason": reason})

    def pending_steps(self) -> list[Step]:
        return [step for step in self.runbook.steps() if step.id in self.incident.approvals]

    def request_approval(self, step_id: str, plan: Plan) -> None:
        by = {"name": "ada", "uid": 1000, "login": 1000, "pid": 1, "seen": True}
        self._write(
            EventKind.APPROVAL_ASKED, {"step": step_id, "plan": plan.to_json(), "digest": plan.digest, "by": by}
        )

    def plan_to_approve(self, step_id: str) -> Plan:
        return self.plan(step_id)

    def approve(self, step_id: str, plan: Plan, *, typed: str = "") -> None:
        self.asked.append(f"approved {step_id} {typed}".strip())

    def decline(self, step_id: str, reason: str) -> None:
        self.asked.append(f"declined {step_id}: {reason}")

    def start(self, step_id: str, plan: Plan, *, typed: str = "", reason: str = "", undo: bool = False) -> None:
        step = self.runbook.step(step_id)
        if undo:
            policy.require_undoable(step, plan, self.incident, typed=typed, reason=reason)
        else:
            policy.require_startable(step, plan, self.incident, self.runbook, typed=typed, reason=reason)
            policy.require_preconditions_or_reason(step, self.evaluate_preconditions(step_id), reason)
            policy.require_approved_plan(step, plan, self.incident, Identity("ada", 1000, 1000, 1))
        self.started.append((step_id, typed, reason))
        state = self.incident.steps.get(step_id)
        number = len(state.attempts) + 1 if state else 1
        self._write(
            EventKind.CONFIRMED,
            {
                "step": step_id,
                "attempt": number,
                "plan": plan.to_json(),
                "digest": plan.digest,
                "reason": reason,
                "undoes": number - 1 if undo else None,
            },
        )
        self._write(
            EventKind.STARTED, {"step": step_id, "attempt": number, "command": "midwatch action x", "supervisor": {}}
        )
        folder = self.folder.attempt(step_id, number)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.output.touch()

    def output(self, step_id: str, text: bytes) -> None:
        """Have the step running write something."""
        folder = self.attempt_folder(step_id)
        assert folder is not None
        with folder.output.open("ab") as file:
            file.write(text)

    def finish(
        self, step_id: str, outcome: str = "done", *, exit: int = 0, seconds: float = 4.0, summary: str = ""
    ) -> None:
        """Have the step running end."""
        state = self.incident.steps[step_id]
        failed = outcome != "done"
        body = {
            "step": step_id,
            "attempt": len(state.attempts),
            "outcome": outcome,
            "exit": exit,
            "seconds": seconds,
            "ended": to_rfc3339(self.clock.now()),
            "summary": summary,
            "values": {},
            "output": {},
            "notify": list(self.runbook.step(step_id).on_failure.notify) if failed else [],
        }
        self.journal(EventKind.FINISHED, body)

    def cancel(self, step_id: str) -> None:
        self.finish(step_id, "cancelled", exit=130)

    def mark_done(self, step_id: str, *, note: str = "", values: Mapping[str, str] | None = None) -> None:
        step = self.runbook.step(step_id)
        answers = policy.require_manual(step, self.incident, self.runbook, note=note, values=values or {})
        self._write(EventKind.MARKED_DONE, {"step": step_id, "note": note, "values": answers})

    def mark_failed(self, step_id: str, reason: str) -> None:
        self._write(EventKind.MARKED_FAILED, {"step": step_id, "reason": reason})

    def skip(self, step_id: str, reason: str) -> None:
        policy.require_decidable(self.runbook.step(step_id), self.incident, reason)
        self._write(EventKind.SKIPPED, {"step": step_id, "reason": reason})

    def reopen(self, step_id: str, reason: str) -> None:
        self._write(EventKind.REOPENED, {"step": step_id, "reason": reason})

    def note(
        self,
        text: str,
        *,
        at: datetime | None = None,
        pasted_output: str = "",
        manual_command: ManualCommand | None = None,
    ) -> None:
        body: dict[str, Any] = {"text": text, "at": to_rfc3339(at) if at else None}
        self._write(
            EventKind.NOTE,
            body
            | {"pasted_output": pasted_output, "manual_command": asdict(manual_command) if manual_command else None},
        )

    def correct(self, seq: int, text: str) -> None:
        self._write(EventKind.TEXT_CORRECTED, {"event": seq, "text": text})

    def star(self, seq: int, *, starred: bool = True) -> None:
        self._write(EventKind.STARRED, {"event": seq, "starred": starred})

    def record_notification(self, role_id: str, message: str) -> None:
        self._write(
            EventKind.NOTIFICATION_RECORDED, {"role": role_id, "message": policy.require_text(message, "What was said")}
        )

    def update(self, message: str) -> None:
        self._write(EventKind.UPDATE, {"message": message, "channel": self.runbook.comms.channel})

    def set_severity(self, severity: Severity, reason: str) -> None:
        if severity is self.incident.severity:
            raise Refused(f"The severity is {severity} already")
        self._write(EventKind.SEVERITY, {"from": self.incident.severity.value, "to": severity.value, "reason": reason})

    def evaluate_closure(self) -> dict[str, CriterionState]:
        late = CriterionState(None, "no answer", self.clock.now())
        found = {criterion.id: self.criteria.get(criterion.id, late) for criterion in self.runbook.closure}
        for name, state in found.items():
            self.journal(EventKind.CRITERION, {"criterion": name, "met": state.met, "detail": state.detail})
        return found

    def close(self, *, reason: str = "") -> None:
        unmet = policy.require_closable(self.evaluate_closure(), self.incident, self.runbook, reason)
        self._write(EventKind.CLOSED, {"reason": reason, "unmet": unmet, "events": len(self.events) + 1})
        self.driving = False

    def attempt_folder(self, step_id: str) -> AttemptFolder | None:
        state = self.incident.steps.get(step_id)
        return self.folder.attempt(step_id, state.last.number) if state and state.last else None


def reference(folder: Path) -> SessionInMemory:
    """The reference incident, declared at two o'clock."""
    with patch.object(loader, "check_arguments"):  # the screens do not care which actions are installed
        runbook = loader.load(RUNBOOK_FILE, environment={})
    path = folder / "INC-20261123-0200-backup-failure"
    path.mkdir(parents=True)
    return SessionInMemory(runbook, path, StillClock())


def emergency_plan() -> Plan:
    """The plan of the emergency backup."""
    draft = PlanDraft("emergency-backup", {"target": "arp-db-prod"}, confirm_name="arp-db-prod")
    draft.add(
        Verb.CREATE,
        "emergency-backup/arp-prod-20261123-021407.sql.gz",
        size=124_000_000,
        note="on /mnt/nfs, 61.0 GB free",
    )
    draft.fact("route", "host socket; pg_dump 17, server 15")
    draft.fact("source", "arp on arp-db-prod, 471 MB, 2 tables")
    return draft.plan()


def cleaning_plan() -> Plan:
    """A plan that removes and keeps."""
    draft = PlanDraft("clean-docker", {}, confirm_name="docker-prod")
    draft.add(Verb.REMOVE, "9 images, none used by a target", size=11_800_000_000, reversible=False)
    draft.add(Verb.REMOVE, "build cache, 214 records", size=2_400_000_000, reversible=False)
    draft.add(Verb.KEEP, "arp-db-prod (stopped) and its image")
    draft.add(Verb.KEEP, "all 7 volumes")
    draft.fact("frees", "about 14.2 GB: /var/lib/docker 96 % → 71 %")
    return draft.plan()


def in_the_middle(session: SessionInMemory) -> None:
    """Detection done, immediate response begun: fourteen minutes in, the emergency backup is next."""
    clock = session.clock
    for step in session.runbook.phases[0].steps:
        clock.pass_(20)
        session.start(step.id, session.plan(step.id))
        session.finish(step.id, seconds=0.4, summary="detected")
    for step_id in ("alert-received", "open-channel", "take-ownership"):
        clock.pass_(60)
        session.mark_done(step_id)
    for step_id in ("freeze-deployments", "block-migrations"):
        clock.pass_(90)
        session.start(step_id, session.plan(step_id))
        session.output(step_id, b"freeze on until 04:00: backup failure\nmigrations blocked on OTC, GPS\n[OK] done\n")
        session.finish(step_id, seconds=4)
    clock.pass_(60)
    session.mark_done("pause-ci")
    session.skip("halt-workflows", "no batch jobs at night")
    clock.at = NIGHT + timedelta(minutes=14, seconds=7)
    session.plans["emergency-backup"] = emergency_plan()
    session.plans["clean-docker"] = cleaning_plan()
