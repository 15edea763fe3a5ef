"""The reference incident on the real controller, in a temporary folder and by a clock that stands.

What its actions and checks find on this machine is what a test says: the plug-ins are set up, and nothing of the core.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from midwatch.api import registry
from midwatch.api.action import Action, Check, Context, Outcome
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.engine import criteria, planning
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.journal_session import JournalSession
from midwatch.incident.events import EventKind
from midwatch.runbook.loader import load
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import MidwatchError, OutcomeUnknown

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


@dataclass
class Stage:
    """What actions and checks find."""

    plans: dict[str, Plan | MidwatchError] = field(default_factory=dict)
    """By the id of the step; `undo ID` for the undo. A step without one has a plan without effects."""
    checks: dict[str, Outcome] = field(default_factory=dict)
    """By the name of the check; one without is not known."""

    @contextmanager
    def set_up(self) -> Iterator[None]:
        """Have the core find these actions."""
        with patch.object(planning, "find_action", self._find), patch.object(criteria, "find_action", self._find):
            yield

    def _find(self, name: str) -> type[Action]:
        return self._staged(registry.find_action(name), "")

    def _staged(self, action: type[Action], prefix: str) -> type[Action]:
        def plan(this: Action, context: Context) -> Plan:
            found = self.plans.get(f"{prefix}{context.step}") or this.draft().plan()
            if isinstance(found, MidwatchError):
                raise found
            return dataclasses.replace(found, action=this.name, parameters=this.given())

        def evaluate(this: Action, context: Context) -> Outcome:
            if this.name not in self.checks:
                raise OutcomeUnknown("no answer")
            return self.checks[this.name]

        def undo(this: Action, values: Mapping[str, str]) -> Action | None:
            found = action.undo(this, values)
            if found is None:
                return None
            given = {item.name: getattr(found, item.name) for item in dataclasses.fields(found)}
            return self._staged(type(found), "undo ")(**given)

        members: dict[str, Any] = {"plan": plan, "__doc__": action.__doc__}
        members |= {"evaluate": evaluate} if issubclass(action, Check) else {}
        members |= {"undo": undo} if action.undo is not Action.undo else {}
        return type(action.__name__, (action,), members)


def declare_reference(folder: Path) -> IncidentController:
    """The reference incident, declared at two o'clock on a host whose name and whose other disks are no matter here."""
    shutil.copy(RUNBOOK_FILE, folder / "runbook.yaml")
    runbook = load(folder / "runbook.yaml", environment={})
    with (
        patch("socket.gethostname", lambda: "bastion"),
        patch.object(JournalSession, "name_fallbacks", lambda session: None),
    ):
        return IncidentController.declare(runbook, actor="ada@bastion", clock=StillClock())


def begin(controller: IncidentController, step_id: str, text: bytes = b"", *, typed: str = "") -> None:
    """Have a step run that nothing ends but `finish`: its events are there, and its process counts as being started."""
    session = controller.session
    plan, number = controller.plan(step_id), len(controller.incident.step(step_id).attempts) + 1
    assert session.handle is not None
    session.handle.starting.add((step_id, number))
    body = {"step": step_id, "attempt": number, "plan": plan.to_json(), "digest": plan.digest, "reason": ""}
    session.append(EventKind.CONFIRMED, body | {"undoes": None, "preconditions": []})
    started = {"step": step_id, "attempt": number, "command": "midwatch action x", "supervisor": {}}
    session.append(EventKind.STARTED, started)
    folder = session.folder.attempt(step_id, number)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.output.write_bytes(text)


def write(controller: IncidentController, step_id: str, text: bytes) -> None:
    """Have the step running write something."""
    folder = controller.attempt_folder(step_id)
    assert folder is not None
    with folder.output.open("ab") as file:
        file.write(text)


def finish(
    controller: IncidentController,
    step_id: str,
    *,
    seconds: float = 4.0,
    summary: str = "",
    values: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Have the step running end well."""
    number = len(controller.incident.step(step_id).attempts)
    body = {"step": step_id, "attempt": number, "outcome": "done", "exit": 0, "seconds": seconds, "summary": summary}
    assert controller.session.handle is not None
    controller.session.handle.starting.discard((step_id, number))
    ended = {"ended": to_rfc3339(controller.clock.now()), "values": dict(values), "output": {}, "notify": []}
    controller.session.append(EventKind.FINISHED, body | ended)


def work_until_emergency_backup(controller: IncidentController, stage: Stage) -> None:
    """Detection done, immediate response begun: fourteen minutes in, the emergency backup is next."""
    clock = controller.clock
    assert isinstance(clock, StillClock)
    for step in controller.runbook.phases[0].steps:
        clock.pass_(20)
        begin(controller, step.id)
        finish(controller, step.id, seconds=0.4, summary="detected")
    for step_id in ("alert-received", "open-channel", "take-ownership"):
        clock.pass_(60)
        controller.mark_done(step_id)
    for step_id in ("freeze-deployments", "block-migrations"):
        clock.pass_(90)
        begin(
            controller, step_id, b"freeze on until 04:00: backup failure\nmigrations blocked on OTC, GPS\n[OK] done\n"
        )
        finish(controller, step_id)
    clock.pass_(60)
    controller.mark_done("pause-ci")
    controller.skip("halt-workflows", "no batch jobs at night")
    clock.at = NIGHT + timedelta(minutes=14, seconds=7)
    stage.plans["emergency-backup"] = emergency_plan()


def leave(controller: IncidentController) -> None:
    """Give control back; what `begin` began has no process that could be waited for."""
    if controller.session.handle is not None:
        controller.session.handle.starting.clear()
    controller.leave()


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
