"""An undo takes away what later steps proved: every front end says so, and who undid the step and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.workflow import open_ends
from midwatch.incident.step_status import StepStatus
from midwatch.journal.verify import verify
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from tests.support.screen_pilot import grid, opened, press, until
from tests.support.steps import ended

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: rotated
title: A password is changed
severity: SEV-2
phases:
  - title: Look
    section: "1"
    steps:
      - {id: before, title: See the old one, run: 'true', risk: observe}
  - title: Change
    section: "2"
    steps:
      - {id: change, title: Change it, run: 'echo "user=arp" >> "$STEP_OUTPUT"', undo: 'true', risk: change,
            outputs: [user]}
      - {id: login, title: Prove the login, run: 'true', risk: observe, depends_on: [change]}
      - {id: read, title: Read a table, run: 'true', risk: observe, depends_on: [login]}
      - {id: given, title: Use the name, run: 'echo "$U"', env: {U: {from: change.user}}, risk: observe}
      - {id: told, title: Tell the owner, depends_on: [change]}
      - {id: backup, title: Take a backup, run: 'true', risk: change, depends_on: [login]}
      - {id: newest, title: Look at the backup, run: 'true', risk: observe, depends_on: [backup]}
      - {id: aside, title: Look elsewhere, run: 'true', risk: observe}
closure:
  - {title: It is whole, check: command, with: {run: 'true'}}
"""
DOUBTFUL = {"login", "read", "given", "told"}


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


def run(controller: IncidentController, step_id: str, *, undo: bool = False, reason: str = "") -> None:
    controller.start(step_id, controller.plan(step_id, undo=undo), undo=undo, reason=reason)
    ended(controller, step_id)


async def test_undo_marks_what_later_steps_proved_to_be_proved_again(controller: IncidentController) -> None:
    for step in controller.runbook.steps():
        _ = controller.mark_done(step.id) if step.id == "told" else run(controller, step.id)
    controller.evaluate_closure()
    assert controller.incident.criteria
    run(controller, "change", undo=True, reason="the wrong account")
    incident = controller.incident
    marked = {step.id for step in controller.runbook.steps() if incident.status(step) is StepStatus.PROVE_AGAIN}
    assert marked == DOUBTFUL
    assert incident.status(controller.runbook.step("change")) is StepStatus.TODO
    assert not incident.criteria
    why = "undone by ada@test: the wrong account"
    async with opened(controller, (110, 40), sources=[]) as pilot:
        await until(pilot, lambda: f"to do again: {why}" in grid(pilot))
        assert "Checklist 4/9, 4 to be proved again" in grid(pilot)
        assert grid(pilot).count("prove again") == len(DOUBTFUL)
        await press(pilot, "down")
        await until(pilot, lambda: "To be proved again: change was undone by" in grid(pilot))
        assert "account" in grid(pilot)
        await press(pilot, "c")
        await until(pilot, lambda: "To be proved again after an undo: 2.2, 2.3, 2.4, 2.5" in grid(pilot))
        await press(pilot, "escape")
    assert "To be proved again after an undo: 2.2, 2.3, 2.4, 2.5" in open_ends(controller)
    lines = as_lines(handoff_summary(controller.runbook, incident, controller.clock, None))
    assert f"  2.2 Prove the login: change was {why}" in lines
    report = timeline(controller.runbook, controller.events, controller.folder)
    assert "To be proved again: 2.2 Prove the login" in report
    assert "#### 2.2 Prove the login — to be proved again" in report
    assert verify(controller.folder.journal).ok
    run(controller, "change")
    run(controller, "login")
    assert controller.incident.status(controller.runbook.step("login")) is StepStatus.DONE
