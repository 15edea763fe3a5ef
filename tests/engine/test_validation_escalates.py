"""A backup that is not good makes the incident one of lost data, in one go: the real action, its supervisor, the
journal."""

from __future__ import annotations

import gzip
from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.runbook.severity import Severity
from tests.support.steps import ended

RUNBOOK = """\
midwatch: 1
id: lost
title: A backup that nobody can read
severity: SEV-1
roles: {head: {name: Head of Engineering, notify_when: at once}}
phases:
  - title: Look
    steps:
      - {id: save, title: Save it, run: 'echo "path=$PWD/arp.sql.gz" >> "$STEP_OUTPUT"', risk: change, outputs: path}
      - id: validate
        title: Validate it
        uses: validate-backup
        with: {path: {from: save.path}}
        on_failure: {raise_severity: SEV-0, notify: head, advice: Clean nothing up.}
"""


def test_validation_that_fails_is_sev_0_and_somebody_has_to_be_told(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    whole = gzip.compress(b"PGDMP" + bytes(range(256)) * 4096)
    (here / "arp.sql.gz").write_bytes(whole[: len(whole) // 2])
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    statuses = []
    for step in ("save", "validate"):
        controller.start(step, controller.plan(step))
        statuses.append(ended(controller, step))
    assert statuses == [StepStatus.DONE, StepStatus.FAILED]
    assert controller.incident.severity is Severity.SEV0
    (raised,) = [event.body for event in controller.events if event.kind == EventKind.SEVERITY]
    assert (raised["from"], raised["to"], raised["reason"]) == ("SEV-1", "SEV-0", "1.2 Validate it failed")
    assert list(controller.incident.to_notify) == ["head"]
    controller.leave()
