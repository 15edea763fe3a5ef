"""A small incident that a script drives to its end from wherever it stands, as a person would after a crash."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import StepOutcome
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.runbook.model import StepKind
from midwatch.runbook.severity import Severity

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
roles:
  boss: {name: The boss, notify_when: when the work fails}
comms: {channel: "#inc", update_every: 15 min}
panels:
  disk: {paths: [.], warn: 99 %, critical: 100 %}
phases:
  - title: All of it
    section: "1"
    steps:
      - {id: asked, title: Take ownership, questions: [{name: owner, prompt: Who owns it?}], notify: [boss]}
      - id: work
        title: Do the work
        run: |
          echo "work" >> "$RAN"; echo "found=42" >> "$STEP_OUTPUT"; echo "seen by $WHO"
        env: {WHO: {from: asked.owner}, RAN: ran}
        risk: change
        depends_on: [asked]
        measure: [disk]
      - id: breaks
        title: Break
        run: echo "breaks" >> ran; echo "it broke" >&2; exit 7
        risk: change
        retry: {times: 1, wait: 0.2 s, on: 7}
        on_failure: {raise_severity: SEV-1, notify: [boss], advice: Mend it manually.}
      - {id: left-out, title: Leave it out}
      - {id: tried, title: Try it, on_failure: {raise_severity: SEV-0}}
closure:
  - {title: Disk not full, check: disk, with: {path: ., below: 100 %}}
"""


def lay_out(folder: Path) -> None:
    """A folder with the runbook in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")


def found(folder: Path, *, actor: str) -> IncidentController:
    """The incident of this folder resumed (also a closed one, whose driver may have died on the way out), or
    declared."""
    from midwatch.engine.repository import incidents, summary

    runbook = load(folder / "runbook.yaml")
    there = [one for one in incidents(runbook.location_of("logs")) if not summary(one).problem]
    return (
        IncidentController.resume(there[0], actor=actor) if there else IncidentController.declare(runbook, actor=actor)
    )


def finish(controller: IncidentController) -> None:
    """Go on from any state to the closed incident. What was done is not done again; what never ran is run."""
    runbook = controller.runbook
    if not controller.incident.open:
        controller.leave()
        return
    settle(controller)
    while step := controller.incident.next_step(runbook):
        state = controller.incident.step(step.id)
        if step.id == "left-out":
            controller.skip("left-out", "not needed tonight")
        elif step.id == "tried" and state.status is StepStatus.TODO:
            controller.mark_failed("tried", "could not be done")
        elif step.id == "tried":
            controller.mark_done("tried", note="done after all")
        elif step.kind is StepKind.MANUAL:
            controller.mark_done(step.id, note="taken", values={"owner": "ada"})
        elif state.status is StepStatus.TODO or (state.last and state.last.outcome is StepOutcome.CANCELLED):
            controller.start(step.id, controller.plan(step.id))
            settle(controller)
        else:
            controller.mark_done(step.id, note="mended manually")
    if not any(note.text == "all quiet" for note in controller.incident.notes):
        controller.note("all quiet")
    if controller.incident.last_update_at is None:
        controller.update("over soon")
    if controller.incident.severity is Severity.SEV0:
        controller.set_severity(Severity.SEV3, "it is over")
    controller.close()


def settle(controller: IncidentController) -> None:
    """Wait until nothing is running and every reading is taken."""
    deadline = time.monotonic() + 60
    controller.poll()
    while controller.incident.running():
        assert time.monotonic() < deadline, f"{controller.incident.running()} never ended"
        time.sleep(0.02)
        controller.poll()
    controller.settle()


def end_state(incident: Incident) -> dict[str, Any]:
    """What an incident comes to, without what a crash may change: times, drivers, attempts that never ran."""
    steps = {}
    for state in incident.steps.values():
        ran = [a for a in state.attempts if a.outcome is not StepOutcome.CANCELLED]
        steps[state.id] = {
            "status": state.status.value,
            "reason": state.reason,
            "values": dict(state.values),
            "ever failed": state.ever_failed,
            "ran": [
                (str(a.outcome), a.exit, a.summary, bool(a.command), sorted(a.before), sorted(a.after)) for a in ran
            ],
            "tries": [(t.number, t.of, t.exit) for a in ran for t in a.tries],
            "output": [a.output.get("sha256") for a in ran],
        }
    return {
        "steps": steps,
        "severity": incident.severity.value,
        "closed": not incident.open,
        "driver": incident.driver,
        "criteria": {name: state.met for name, state in incident.criteria.items()},
        "notes": [(note.text, note.role, note.is_update) for note in incident.notes],
        "to tell": dict(incident.to_notify),
    }
