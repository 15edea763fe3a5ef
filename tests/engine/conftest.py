"""A small incident on this machine: real shells, real actions, a real supervisor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from tests.support.waiting import wait_for

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
  - title: Look
    section: "1"
    steps:
      - {id: asked, title: Take ownership, questions: [{name: owner, prompt: Who owns it?}], notify: [boss]}
      - id: look
        title: Look around
        run: echo "seen by $WHO"; echo "found=42" >> "$STEP_OUTPUT"
        env: {WHO: {from: asked.owner}}
        risk: observe
        depends_on: [asked]
        measure: [disk]
  - title: Work
    section: "2"
    steps:
      - id: work
        title: Do the work
        run: |
          echo begun
          [ ! -e fail ] || { echo "it broke" >&2; exit 7; }
          while [ -e hold ]; do sleep 0.05; done
          echo ran >> ran
        risk: change
        on_failure: {raise_severity: SEV-1, notify: [boss], advice: Try again.}
      - {id: apologise, title: Apologise, when: {failed: work}}
      - {id: burn, title: Burn it, run: rm -rf rubbish, risk: destroy}
closure:
  - {title: Disk not full, check: disk, with: {path: ., below: 100 %}}
"""


@pytest.fixture
def runbook(request: pytest.FixtureRequest, here: Path) -> Runbook:
    """The `RUNBOOK` of the test's module, or the one above."""
    file = here / "runbook.yaml"
    file.write_text(getattr(request.module, "RUNBOOK", RUNBOOK), encoding="utf-8")
    return load(file)


@pytest.fixture
def controller(runbook: Runbook) -> Iterator[IncidentController]:
    controller = IncidentController.declare(runbook, actor="ada@test")
    yield controller
    for state in controller.incident.running():
        if controller.driving:
            controller.cancel(state.id)
            wait_for(lambda: controller.poll() and not controller.incident.running())
    controller.leave()
