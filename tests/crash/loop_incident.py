"""A loop over reported items, driven to its end from wherever it stands.

Each item fails, is tried again by its `retry`, fails for good, and is run again. Then one item is undone, and run once
more.
"""

from __future__ import annotations

import time
from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.state import Incident
from midwatch.runbook.model import Step

ITEMS = ("web1", "web2", "web3")
UNDONE = f"renew[{ITEMS[1]}]"
RUNBOOK = f"""\
midwatch: 1
id: loop
title: Certificates
severity: SEV-2
phases:
  - title: Renew
    section: "1"
    steps:
      - id: hosts
        title: Read the hosts
        run: |
          echo hosts >> ran
          echo "names={" ".join(ITEMS)}" >> "$STEP_OUTPUT"
        outputs: [names]
        risk: change
      - id: renew
        title: Renew
        for_each: {{from: hosts.names}}
        run: |
          echo "$HOST" >> ran
          tries=$(grep -cx "$HOST" ran)
          [ "$tries" != 1 ] || exit 1
          [ "$tries" != 2 ] || exit 75
        undo: echo "back-$HOST" >> ran
        env: {{HOST: {{from: item}}}}
        risk: change
        retry: {{times: 1, wait: 50 ms, on: 1}}
        stop_on_failure: false
"""


def lay_out(folder: Path) -> None:
    """A folder with the runbook in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")


def finish(controller: IncidentController) -> None:
    """Go on from any state to the closed incident."""
    if not controller.incident.open:
        controller.leave()
        return
    settle(controller)
    while (step := next_step(controller)) is not None or not is_undone(controller):
        if step is not None:
            controller.start(step.id, controller.plan(step.id))
        else:
            controller.start(UNDONE, controller.plan(UNDONE, undo=True), undo=True, reason="the wrong serial")
        settle(controller)
    controller.close()


def is_undone(controller: IncidentController) -> bool:
    """Whether the undo has ended well, once."""
    return any(attempt.undoes and attempt.exit == 0 for attempt in controller.incident.step(UNDONE).attempts)


def next_step(controller: IncidentController) -> Step | None:
    return controller.incident.next_step(controller.runbook)


def settle(controller: IncidentController) -> None:
    """Wait until nothing runs and nothing is about to be started."""
    deadline = time.monotonic() + 60
    controller.poll()
    while controller.incident.running() or (controller.batch is not None and controller.batch.is_active):
        assert time.monotonic() < deadline, f"{controller.incident.running()} never ended"
        time.sleep(0.02)
        controller.poll()
    controller.settle()


def end_state(incident: Incident) -> dict[str, object]:
    """What the incident comes to, without attempts that never ran."""
    return {
        "items": dict(incident.items),
        "closed": not incident.open,
        "steps": {
            state.id: (
                state.status.value,
                [(attempt.exit, bool(attempt.undoes)) for attempt in state.attempts if attempt.exit is not None],
            )
            for state in incident.steps.values()
        },
    }
