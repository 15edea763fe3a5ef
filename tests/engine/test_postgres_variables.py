"""Variables of PostgreSQL reach the steps, though libpq in the driver's process passes over them."""

from __future__ import annotations

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from probes.postgres.client_settings import forget_other_servers
from tests.support.steps import ended

RUNBOOK = """\
midwatch: 1
id: variables
title: Variables
severity: SEV-2
phases:
  - title: Work
    steps:
      - {id: look, title: Look, risk: observe, outputs: [seen], run: 'echo "seen=$PGHOSTADDR" >> "$STEP_OUTPUT"'}
"""


def test_step_has_the_variables_that_libpq_passes_over(
    controller: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    forget_other_servers()
    controller.start("look", controller.plan("look"))
    assert ended(controller, "look") is StepStatus.DONE
    assert controller.incident.step("look").values == {"seen": "192.0.2.1"}
