"""Every situation that a step can be in, in one real incident, and what each front end has to make of it.

The states are written into the journal of a real controller as events, so that no process has to run for them. The
front ends plan, evaluate and ask for real; only what would change the incident is recorded and refused at the last
moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from actions.support.freeze_file import Freeze, write
from midwatch.engine import attempts, policy
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.runbook.loader import load
from midwatch.runbook.model import Step
from midwatch.system.errors import Refused
from midwatch.system.identity import Identity
from tests.support.waiting import wait_for

REASON, APPROVAL, WAITS, NAME, YES, ANSWERS = "reason", "approval", "waits", "name", "yes", "answers"
SECRETS = "secrets"
GO_TO, RUN, MARK_DONE, DECIDE, CHECK = "GO_TO", "RUN", "MARK_DONE", "DECIDE_NEED", "CHECK_OUTCOME"
CHECK_NEED = "CHECK_NEED"
_CONSENT = {"observe": [], "change": [YES], "destroy": [NAME]}
_STATES = {  # the next action, and what it requires before the consent
    "todo": (RUN, []),
    "failed": (RUN, []),
    "unknown": (RUN, [REASON]),
    "unmet": (RUN, [REASON]),
    "unasked": (RUN, [APPROVAL]),
    "asked": (RUN, [WAITS]),
    "approved": (RUN, []),
    "refused": (RUN, []),
    "asks": (RUN, [SECRETS]),
    "undecided": (DECIDE, [REASON]),
    "due": (CHECK_NEED, []),
    "depends": (GO_TO, []),
    "done": (GO_TO, []),
    "skipped": (GO_TO, []),
    "unneeded": (GO_TO, []),
}
_MORE = {
    "unmet": "preconditions: [{title: Never met, check: disk, with: {path: ., below: 0 %}}]",
    "unasked": "requires_approval: true",
    "asked": "requires_approval: true",
    "approved": "requires_approval: true",
    "asks": "secrets: {API_TOKEN: {prompt: true}}",
    "undecided": "when: {answer: probe.urgent, is: 'yes'}",
    "due": "when: {check: disk, with: {path: ., below: 0 %}}",
    "unneeded": "when: {failed: sound}",
    "depends": "depends_on: [first]",
}
_NEVER_OBSERVING = ("unasked", "asked", "approved", "refused")
_OUTCOMES = {"failed": StepOutcome.FAILED, "unknown": StepOutcome.UNKNOWN, "done": StepOutcome.DONE}
_USES = {"observe": "freeze-status", "change": "freeze, with: {mode: 'on'}", "destroy": "freeze, with: {mode: 'on'}"}
_HEAD = """\
midwatch: 1
id: situations
title: Every situation
severity: SEV-2
locations: {freeze: freeze.json}
phases:
  - title: Before
    section: "1"
    steps:
      - {id: first, title: What is next}
      - {id: probe, title: Probe, run: "true", risk: observe, outputs: [urgent]}
      - {id: sound, title: Sound, run: "true", risk: observe}
  - title: Situations
    section: "2"
    steps:
"""


@dataclass(frozen=True)
class Situation:
    """A step in a state, the next action at it, and what that action, running it again and undoing it require."""

    id: str
    action: str
    requires: tuple[str, ...]
    again: tuple[str, ...] | None = None
    """None where it cannot be done again."""
    undo: tuple[str, ...] | None = None
    """None where it cannot be undone."""


def situations() -> Iterator[tuple[Situation, str]]:
    """Each with the line of its step in the runbook."""
    for state in ("todo", "failed", "done", "skipped", "undecided", "due", "unneeded", "depends"):
        action, _ = _STATES[state]
        action, requires = (MARK_DONE, [ANSWERS]) if action is RUN else (action, _STATES[state][1])
        again = (REASON,) if state in ("done", "skipped", "undecided", "unneeded", "failed") else None
        body = ", ".join(["questions: [{name: who, prompt: Who?, required: false}]", *_more(state)])
        yield Situation(f"manual-{state}", action, tuple(requires), again), body
    for kind in ("run", "uses"):
        for risk, consent in _CONSENT.items():
            for state, (action, before) in _STATES.items():
                if (state, kind) in (("refused", "run"), ("asks", "uses")) or (
                    risk == "observe" and state in _NEVER_OBSERVING
                ):
                    continue
                if state == "due" and (kind, risk) != ("run", "observe"):
                    continue  # nothing about the kind or the risk is asked yet
                requires = before if action in (GO_TO, DECIDE, CHECK_NEED) else [*before, *consent]
                if state == "refused":
                    action, requires = RUN, []
                if state == "unknown" and kind == "uses":
                    action = CHECK
                again = (REASON, *consent) if state in ("done", "skipped", "unneeded") else None
                has_undo = kind == "uses" and risk != "observe" and state in ("done", "failed", "unknown")
                uses = "write-post-mortem" if state == "refused" else _USES[risk]
                body = f"uses: {uses}" if kind == "uses" else 'run: "true"'
                body = ", ".join([body, f"risk: {risk}", *_more(state)])
                undo = (REASON, *consent) if has_undo else None
                yield Situation(f"{kind}-{risk}-{state}", action, tuple(requires), again, undo), body


def _more(state: str) -> list[str]:
    return [_MORE[state]] if state in _MORE else []


SITUATIONS = [situation for situation, _ in situations()]


def build(folder: Path, kind: str = "") -> IncidentController:
    """The incident with a step in each situation, or those of a kind; a freeze exists, so that each undo would remove
    it."""
    wanted = [(found, body) for found, body in situations() if found.id.startswith(kind)]
    steps = "".join(f"      - {{id: {found.id}, title: {found.id}, {body}}}\n" for found, body in wanted)
    (folder / "runbook.yaml").write_text(_HEAD + steps, encoding="utf-8")
    controller = IncidentController.declare(load(folder / "runbook.yaml"), actor="ada@test")
    controller.skip("probe", "nobody can know")
    finish(controller, "sound", StepOutcome.DONE)
    controller.folder.post_mortem.mkdir()
    freeze = Freeze("ada@test", "it is so", controller.clock.now(), controller.clock.now() + timedelta(hours=4))
    write(folder / "freeze.json", freeze)
    for situation, _ in wanted:
        state = situation.id.rpartition("-")[2]
        if state == "skipped":
            controller.skip(situation.id, "not here")
        elif state in _OUTCOMES and situation.id.startswith("manual"):
            {"failed": controller.mark_failed, "done": lambda step, why: controller.mark_done(step, note=why)}[state](
                situation.id, "it is so"
            )
        elif state in _OUTCOMES:
            finish(controller, situation.id, _OUTCOMES[state])
        elif state in ("asked", "approved"):
            approve(controller, situation.id, given=state == "approved")
    return controller


def finish(controller: IncidentController, step_id: str, outcome: StepOutcome) -> None:
    """Write the events of an attempt that ended so."""
    session, step = controller.session, controller.runbook.step(step_id)
    session.append(EventKind.CONFIRMED, attempts.confirmed_body(step, 1, controller.plan(step_id), "", {}, None))
    session.append(EventKind.STARTED, {"step": step_id, "attempt": 1, "command": "true", "supervisor": {}})
    session.append(EventKind.FINISHED, attempts.ended_without_result(step, 1, outcome, "it is so"))


def approve(controller: IncidentController, step_id: str, *, given: bool) -> None:
    """Write the request for approval of the step's plan, and the approval of another person."""
    plan = controller.plan(step_id)
    by = Identity("ada", 1 << 20, 1 << 20, os.getpid())
    asked = {"step": step_id, "plan": attempts.shown_plan(plan), "digest": plan.digest, "by": by.to_json()}
    controller.session.append(EventKind.APPROVAL_ASKED, asked)
    if given:
        number = controller.incident.approvals[step_id].seq
        bob = Identity("bob", 1 << 21, 1 << 21, os.getpid())  # nobody who runs the tests
        body = {"step": step_id, "asked": number, "digest": plan.digest, "by": bob.to_json()}
        controller.session.append(EventKind.APPROVAL_GIVEN, body)


def asked_of(requires: tuple[str, ...]) -> tuple[str, ...]:
    """What a front end asks for at once: up to a second person, of whom it waits to hear."""
    found = [number for number, word in enumerate(requires, start=1) if word in (APPROVAL, WAITS)]
    return requires[: found[0]] if found else requires


def decision_of(situation: Situation) -> list[tuple[str, str]]:
    """What the next action comes to, once everything was said."""
    if situation.action == GO_TO or situation.id.endswith("refused") or WAITS in situation.requires:
        return []
    if APPROVAL in situation.requires:
        return [("request_approval", situation.id)]
    names = {RUN: ["start"], CHECK: ["check_outcome", "start"], MARK_DONE: ["mark_done"], DECIDE: ["reopen"]}
    names[CHECK_NEED] = ["check_need"]
    return [(name, situation.id) for name in names[situation.action]]


class Recorded(Refused):
    """What was decided would be carried out now."""


@contextmanager
def recorded(controller: IncidentController) -> Iterator[list[tuple[str, str]]]:
    """Every decision on a step that passes the policy is recorded, and refused; an outcome stays unknown."""
    made: list[tuple[str, str]] = []

    def record(decision: str, gate: Callable[..., object]) -> Callable[..., Any]:
        def call(step_id: str, *arguments: Any, **more: Any) -> None:
            gate(controller.runbook.step(step_id), *arguments, **more)
            made.append((decision, step_id))
            if decision != "check_outcome":
                raise Recorded("recorded")

        return call

    def started(
        step: Step, plan: Any, *, typed: str = "", reason: str = "", undo: bool = False, secrets: Any = None
    ) -> None:
        incident, runbook = controller.incident, controller.runbook
        if undo:
            policy.require_undoable(step, plan, incident, typed=typed, reason=reason)
            return
        policy.require_startable(step, plan, incident, runbook, typed=typed, reason=reason)
        policy.require_preconditions_or_reason(step, controller.evaluate_preconditions(step.id), reason)

    def marked(step: Step, *, note: str = "", values: Any = None) -> None:
        policy.require_manual(step, controller.incident, controller.runbook, note=note, values=values or {})

    def decided(step: Step, reason: str) -> None:
        policy.require_decidable(step, controller.incident, reason)

    def checked(step: Step) -> None:
        policy.require_outcome_unknown(step, controller.incident)

    def due(step: Step) -> None:
        if not policy.need_is_due(step, controller.incident):
            raise Refused(f"No check of {step.id} is due")

    def requested(step: Step, plan: Any) -> None:
        policy.require_approvable(
            step, plan, controller.incident, controller.runbook, Identity("ada", 1 << 20, 1 << 20, os.getpid())
        )

    gates = {
        "start": started,
        "mark_done": marked,
        "reopen": decided,
        "check_outcome": checked,
        "check_need": due,
        "request_approval": requested,
    }
    before = {name: getattr(controller, name) for name in gates}
    for name, gate in gates.items():
        setattr(controller, name, record(name, gate))
    try:
        yield made
    finally:
        for name, method in before.items():
            setattr(controller, name, method)


ENDING = """\
midwatch: 1
id: ending
title: From a running step to the end
severity: SEV-2
phases:
  - title: All of it
    section: "1"
    steps:
      - {id: hold, title: Hold, run: 'while [ -e hold ]; do sleep 0.05; done', risk: change}
      - {id: talk, title: Talk}
      - {id: last, title: Last, run: "true", risk: observe}
closure:
  - {title: Nothing on the disk, check: disk, with: {path: ., below: 0 %}}
"""


def stages(folder: Path) -> Iterator[tuple[str, IncidentController, IncidentController, str, tuple[str, str]]]:
    """An incident from its running step to its end: the stage, its driver, an observer, the step that one is at, and
    the names of the next actions of driver and observer."""
    (folder / "runbook.yaml").write_text(ENDING, encoding="utf-8")
    (folder / "hold").touch()
    driver = IncidentController.declare(load(folder / "runbook.yaml"), actor="ada@test")
    observer = IncidentController.observe(driver.folder, actor="bob@test", own=driver.runbook)

    def stage(name: str, step: str, *actions: str) -> tuple[str, IncidentController, IncidentController, str, Any]:
        driver.poll()
        observer.poll()
        return name, driver, observer, step, actions

    try:
        yield stage("next step is to do", "hold", "RUN", "TIMELINE")
        yield stage("another step than the next one", "last", "RUN", "GO_TO")
        driver.start("hold", driver.plan("hold"))
        yield stage("running step", "hold", "OUTPUT", "OUTPUT")
        driver.skip("talk", "not now")
        driver.skip("last", "not now")
        yield stage("concluded step while one runs", "last", "GO_TO", "GO_TO")
        (folder / "hold").unlink()
        wait_for(lambda: driver.poll() and not driver.incident.running())
        driver.reopen("hold", "once more")
        yield stage("step to do that ran before", "hold", "RUN", "OUTPUT")
        driver.skip("hold", "once is enough")
        yield stage("nothing is left", "last", "CLOSE", "CLOSE")
        driver.close(reason="the disk cannot be empty")
        yield stage("closed incident", "last", "TIMELINE", "TIMELINE")
    finally:
        (folder / "hold").unlink(missing_ok=True)
        wait_for(lambda: not driver.driving or (driver.poll() is not None and not driver.incident.running()))
        driver.leave()
