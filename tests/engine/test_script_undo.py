"""What the script of a step did is undone by the script that the step has for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.planning import can_undo
from midwatch.incident.step_status import StepStatus
from midwatch.journal.verify import verify
from midwatch.reports.timeline import timeline
from midwatch.system.errors import Refused
from tests.support.steps import ended

RUNBOOK = """\
midwatch: 1
id: undone
title: Something to undo
severity: SEV-2
phases:
  - title: Work
    section: "1"
    steps:
      - {id: host, title: Find the host, risk: observe, outputs: [name],
                run: 'echo "name=$(cat host)" >> "$STEP_OUTPUT"'}
      - id: renew
        title: Renew the certificate
        risk: change
        cwd: work
        env: {HOST: {from: host.name}}
        outputs: [old.serial]
        ok_exits: [0, 4]
        run: |
          echo "old.serial=17" >> "$STEP_OUTPUT"
          touch "$HOST"
          [ ! -e ../break ] || exit 9
          exit 4
        undo: |
          echo "$HOST back to $OLD_SERIAL"
          rm "$HOST"
      - {id: plain, title: Do the work, risk: change, run: "true"}
"""


def run(controller: IncidentController, step_id: str, *, undo: bool = False, reason: str = "") -> StepStatus:
    controller.start(step_id, controller.plan(step_id, undo=undo), undo=undo, reason=reason)
    return ended(controller, step_id)


@pytest.fixture
def renewed(controller: IncidentController, here: Path) -> IncidentController:
    (here / "work").mkdir()
    (here / "host").write_text("web1")
    assert run(controller, "host") is StepStatus.DONE
    return controller


def test_undo_has_the_folder_the_variables_and_the_values_of_the_run_that_it_undoes(
    renewed: IncidentController, here: Path
) -> None:
    step = renewed.runbook.step("renew")
    with pytest.raises(Refused, match="has not run by its script"):
        renewed.plan("renew", undo=True)
    assert can_undo(step, renewed.runbook, renewed.incident) is True
    assert ("undo", 'echo "$HOST back to $OLD_SERIAL"\nrm "$HOST"') in renewed.plan("renew").facts
    assert run(renewed, "renew") is StepStatus.DONE
    (here / "host").write_text("web2")
    renewed.reopen("host", "the wrong host")
    assert run(renewed, "host") is StepStatus.DONE
    plan = renewed.plan("renew", undo=True)
    assert plan.parameters["$HOST"] == "web1"
    assert plan.parameters["$OLD_SERIAL"] == "17"
    assert ("folder", str(here / "work")) in plan.facts
    assert run(renewed, "renew", undo=True, reason="the wrong host") is StepStatus.TODO
    assert not (here / "work" / "web1").exists()
    state = renewed.incident.step("renew")
    assert [attempt.undoes for attempt in state.attempts] == [None, 1]
    assert state.values == {}
    assert "undoes attempt 1" in timeline(renewed.runbook, renewed.events, renewed.folder)
    assert renewed.plan("renew").parameters["$HOST"] == "web2", "a new run has the new value"
    assert verify(renewed.folder.journal).ok


def test_undo_that_fails_leaves_the_step_as_it_was_and_can_be_tried_again(
    renewed: IncidentController, here: Path
) -> None:
    (here / "break").touch()
    assert run(renewed, "renew") is StepStatus.FAILED
    (here / "work" / "web1").rename(here / "work" / "elsewhere")
    assert run(renewed, "renew", undo=True, reason="half done") is StepStatus.FAILED
    (here / "work" / "elsewhere").rename(here / "work" / "web1")
    assert run(renewed, "renew", undo=True, reason="once more") is StepStatus.TODO
    assert not (here / "work" / "web1").exists()


def test_undo_needs_a_run_of_the_script_whose_variables_are_on_record(renewed: IncidentController) -> None:
    assert run(renewed, "renew") is StepStatus.DONE
    last = renewed.incident.step("renew").last
    assert last is not None
    assert last.plan is not None
    whole, last.plan = last.plan, replace(last.plan, parameters={"script": "x"})
    with pytest.raises(Refused, match="does not have all variables of Renew the certificate"):
        renewed.plan("renew", undo=True)
    last.plan = replace(whole, action="freeze", bindings={})
    with pytest.raises(Refused, match="has not run by its script"):
        renewed.plan("renew", undo=True)


def test_undo_takes_no_variable_from_the_record_that_the_runbook_does_not_have_and_shows_another_folder(
    renewed: IncidentController, here: Path
) -> None:
    assert run(renewed, "renew") is StepStatus.DONE
    last = renewed.incident.step("renew").last
    assert last is not None
    assert last.plan is not None
    whole = last.plan
    forged = {**whole.parameters, "$BASH_ENV": "/tmp/evil", "$PATH": "/tmp"}
    last.plan = replace(whole, parameters=forged, bindings={**whole.bindings, "working folder": "/tmp"})
    plan = renewed.plan("renew", undo=True)
    assert {"$BASH_ENV", "$PATH"}.isdisjoint(plan.parameters)
    assert ("folder", "/tmp") in plan.facts
    last.plan = replace(whole, bindings={})
    with pytest.raises(Refused, match="does not have all variables"):
        renewed.plan("renew", undo=True)


def test_script_without_an_undo_says_so(renewed: IncidentController) -> None:
    assert run(renewed, "plain") is StepStatus.DONE
    assert can_undo(renewed.runbook.step("plain"), renewed.runbook, renewed.incident) is False
    with pytest.raises(Refused, match="Do the work has no undo"):
        renewed.plan("plain", undo=True)
