"""An incident without a plan: whatever somebody might do next, in whatever order, by drivers that come and go."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import incidents, summary
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.runbook.model import StepKind
from midwatch.runbook.severity import Severity
from midwatch.supervisor.status import Lost, inspect_attempt
from midwatch.system.clock import SystemClock
from midwatch.system.errors import MidwatchError
from tests.crash.small_incident import settle

RUNBOOK = """\
midwatch: 1
id: wandering
title: A wandering incident
severity: SEV-2
locations: {logs: logs}
roles: {boss: {name: The boss, notify_when: when the work fails}}
phases:
  - title: All of it
    section: "1"
    steps:
      - {id: asked, title: Take ownership, questions: [{name: owner, prompt: Who owns it?}], notify: [boss]}
      - {id: look, title: Look, run: 'echo "$STEP_OUTPUT" >> "$RAN"; echo seen', env: {RAN: ../ran}, risk: observe}
      - id: work
        title: Do the work
        run: |
          echo "$STEP_OUTPUT" >> "$RAN"
          while [ -e ../hold ]; do sleep 0.02; done
          [ ! -e ../fail ] || { echo "it broke" >&2; exit 7; }
        env: {RAN: ../ran}
        risk: change
        depends_on: [asked]
        on_failure: {raise_severity: SEV-1, notify: [boss]}
      - {id: burn, title: Burn it, run: 'echo "$STEP_OUTPUT" >> "$RAN"', env: {RAN: ../ran}, risk: destroy}
      - {id: freeze, title: Freeze, uses: freeze, with: {mode: "on"}, risk: change}
      - {id: tried, title: Try it, on_failure: {raise_severity: SEV-0}}
"""
STEPS = ("asked", "look", "work", "burn", "freeze", "tried")
DEEDS = (
    "start",
    "cancel",
    "tick",
    "skip",
    "fail",
    "reopen",
    "verify",
    "undo",
    "note",
    "update",
    "tell",
    "severity",
    "wait",
)


class ShiftedClock(SystemClock):
    """A clock that somebody has set."""

    def __init__(self, hours: int) -> None:
        self._shift = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._shift


def lay_out(folder: Path, volume: Path) -> None:
    """The runbook on the volume, and beside it what the steps look at."""
    volume.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (volume / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")


def found(volume: Path, *, clock: SystemClock) -> IncidentController:
    """The incident of this volume resumed, or declared."""
    runbook = load(volume / "runbook.yaml")
    there = [one for one in incidents(runbook.location_of("logs")) if not summary(one).problem]
    if there:
        return IncidentController.resume(there[0], actor="ada@test", clock=clock)
    return IncidentController.declare(runbook, actor="ada@test", clock=clock)


def live(job: dict[str, Any], told: Callable[[bytes], object]) -> None:
    """One driver's life: it does what it is told, says what it has done as soon as it is done, and goes or just
    ends."""
    volume = Path(job["folder"])
    os.chdir(volume)
    controller = found(volume, clock=ShiftedClock(job["hours"]))
    told(_line("resumed", controller))
    for deed, step_id in job["deeds"]:
        try:
            _do(controller, deed, step_id)
            told(_line("done", controller))
        except MidwatchError as error:
            told(_line(type(error).__name__, controller))
    if job["leave"]:
        controller.leave()
        told(_line("left", controller))


def _line(word: str, controller: IncidentController) -> bytes:
    return json.dumps([word, len(controller.events)]).encode() + b"\n"


def _do(controller: IncidentController, deed: str, step_id: str) -> None:
    why = "because it was night"
    controller.poll()
    deeds: dict[str, Callable[[], object]] = {
        "start": lambda: controller.start(step_id, controller.plan(step_id), typed=step_id, reason=why),
        "cancel": lambda: controller.cancel(step_id),
        "tick": lambda: controller.mark_done(
            step_id, note="done", values={"owner": "ada"} if step_id == "asked" else {}
        ),
        "skip": lambda: controller.skip(step_id, why),
        "fail": lambda: controller.mark_failed(step_id, why),
        "reopen": lambda: controller.reopen(step_id, why),
        "verify": lambda: controller.check_outcome(step_id),
        "undo": lambda: controller.start(step_id, controller.plan(step_id, undo=True), reason=why, undo=True),
        "note": lambda: controller.note(why),
        "update": lambda: controller.update(why),
        "tell": lambda: controller.record_notification("boss", why),
        "severity": lambda: controller.set_severity(Severity.SEV1, why),
        "wait": lambda: _wait(controller),
    }
    deeds[deed]()


def _wait(controller: IncidentController) -> None:
    """Until nothing is running, but not for long: something may hold it up."""
    deadline = time.monotonic() + 0.5
    while controller.incident.running() and time.monotonic() < deadline:
        time.sleep(0.01)
        controller.poll()


def finish(volume: Path) -> IncidentController:
    """From wherever it stands to the closed incident, with every step settled."""
    os.chdir(volume)
    controller = found(volume, clock=SystemClock())
    if not controller.incident.open:
        controller.leave()
        return controller
    settle(controller)
    while step := controller.incident.next_step(controller.runbook):
        status = controller.incident.status(step)
        if step.kind is StepKind.MANUAL or status in (StepStatus.FAILED, StepStatus.UNKNOWN):
            values = {"owner": "ada"} if step.id == "asked" else {}
            controller.mark_done(step.id, note="settled in the end", values=values)
        else:
            _once_ended(controller, step.id)
            controller.start(step.id, controller.plan(step.id), typed=step.id)
            settle(controller)
    controller.close(reason="the night is over")
    return controller


def _once_ended(controller: IncidentController, step_id: str) -> None:
    """Wait, as the refusal asks, until what runs on without its supervisor has ended."""
    folder = controller.attempt_folder(step_id)
    deadline = time.monotonic() + 30
    while folder and isinstance(found := inspect_attempt(folder), Lost) and found.step is not None:
        assert time.monotonic() < deadline, f"{found.step} never ended"
        time.sleep(0.02)
