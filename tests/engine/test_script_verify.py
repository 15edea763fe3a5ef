"""What a step has to have brought about is verified when it has ended, and when nobody knows how it ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import incidents
from midwatch.engine.workflow import ActionKind, next_action
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.reducer import reduce
from midwatch.incident.step_state import Attempt
from midwatch.incident.step_status import StepStatus
from midwatch.journal.verify import verify
from midwatch.reports.timeline import timeline
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.supervisor.status import unwatched
from midwatch.system.errors import Refused
from tests.support.situations import finish
from tests.support.steps import ended
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: verified
title: Something to verify
severity: SEV-2
locations: {freeze: freeze.json}
phases:
  - title: Work
    section: "1"
    steps:
      - id: restart
        title: Restart the service
        risk: change
        run: while [ -e hold ]; do sleep 0.05; done
        verify:
          - title: The service answers
            check: command
            with: {run: 'while [ -e wait ]; do sleep 0.05; done; cat answer; [ -e up ]'}
          - {title: The queue is read, check: command, with: {run: 'exit "$(cat code)"'}}
        on_failure: {raise_severity: SEV-1}
      - id: freeze
        title: Freeze
        uses: freeze
        with: {mode: "on"}
        verify:
          - {title: The freeze is on, check: freeze-status, with: {expect: "on"}}
          - {title: The guard stops jobs, check: command, with: {run: 'grep -q until_epoch freeze.json && [ -e up ]'}}
"""


def lay_out(folder: Path) -> None:
    (folder / "answer").write_text("200 OK\n")
    (folder / "up").touch()
    (folder / "code").write_text("0")


@pytest.fixture
def restartable(controller: IncidentController, here: Path) -> IncidentController:
    lay_out(here)
    return controller


def last(controller: IncidentController) -> Attempt:
    found = controller.incident.step("restart").last
    assert found is not None
    return found


def run(controller: IncidentController) -> StepStatus:
    plan = controller.plan("restart")
    assert [text for label, text in plan.facts if label.startswith("verif")] == [
        "The service answers: while [ -e wait ]; do sleep 0.05; done; cat answer; [ -e up ]",
        'The queue is read: exit "$(cat code)"',
    ]
    controller.start("restart", plan)
    return ended(controller, "restart")


def test_step_is_done_once_all_that_it_verifies_holds(restartable: IncidentController) -> None:
    assert run(restartable) is StepStatus.DONE
    assert last(restartable).summary.startswith("exit 0. Verified: The service answers: 200 OK")
    verified = [event.body["verified"] for event in restartable.events if event.kind == EventKind.FINISHED]
    assert [(item["title"], item["met"]) for item in verified[0]] == [
        ("The service answers", True),
        ("The queue is read", True),
    ]
    assert "Verified: The service answers" in timeline(restartable.runbook, restartable.events, restartable.folder)
    assert reduce(restartable.events).step("restart").status is StepStatus.DONE
    assert verify(restartable.folder.journal).ok


def test_action_is_held_to_what_its_step_verifies(restartable: IncidentController, here: Path) -> None:
    plan = restartable.plan("freeze")
    assert [text for label, text in plan.facts if label == "verifies"] == [
        "The freeze is on",
        "The guard stops jobs: grep -q until_epoch freeze.json && [ -e up ]",
    ]
    (here / "up").unlink()
    restartable.start("freeze", plan)
    assert ended(restartable, "freeze") is StepStatus.FAILED
    attempt = restartable.incident.step("freeze").last
    assert attempt is not None
    assert attempt.exit == 0
    assert "This does not hold: The guard stops jobs" in attempt.summary
    (here / "up").touch()
    finish(restartable, "freeze", StepOutcome.UNKNOWN)
    assert restartable.check_outcome("freeze") is True
    (here / "up").unlink()
    finish(restartable, "freeze", StepOutcome.UNKNOWN)
    assert restartable.check_outcome("freeze") is False
    detail = [event.body["detail"] for event in restartable.events if event.kind == EventKind.OUTCOME_CHECKED][-1]
    assert detail.startswith("frozen by ada@test")
    assert "The guard stops jobs" in detail


def test_step_failed_when_one_thing_does_not_hold(restartable: IncidentController, here: Path) -> None:
    (here / "up").unlink()
    (here / "code").write_text("3")
    assert run(restartable) is StepStatus.FAILED
    assert last(restartable).exit == 0
    assert last(restartable).summary == "exit 0. This does not hold: The service answers: 200 OK"
    assert restartable.incident.severity is Severity.SEV1


def test_outcome_is_unknown_when_one_thing_cannot_be_evaluated_and_is_checked_again(
    restartable: IncidentController, here: Path
) -> None:
    (here / "code").write_text("3")
    assert run(restartable) is StepStatus.UNKNOWN
    assert "This is not known: The queue is read" in last(restartable).summary
    assert next_action(restartable).kind is ActionKind.CHECK_OUTCOME
    assert restartable.check_outcome("restart") is None
    (here / "code").write_text("0")
    assert restartable.check_outcome("restart") is True
    assert restartable.incident.step("restart").status is StepStatus.DONE


def test_outcome_of_a_lost_script_is_checked_by_what_it_verifies(restartable: IncidentController, here: Path) -> None:
    (here / "hold").touch()
    restartable.start("restart", restartable.plan("restart"))
    supervisor = int(last(restartable).supervisor["pid"])
    os.kill(supervisor, signal.SIGKILL)
    (here / "hold").unlink()
    assert ended(restartable, "restart") is StepStatus.UNKNOWN
    folder = restartable.attempt_folder("restart")
    assert folder is not None
    wait_for(lambda: unwatched(folder) is None, "the end of the script")
    (here / "up").unlink()
    assert restartable.check_outcome("restart") is False
    assert restartable.incident.step("restart").status is StepStatus.FAILED


def test_step_that_is_being_verified_cannot_be_stopped(restartable: IncidentController, here: Path) -> None:
    (here / "wait").touch()
    restartable.start("restart", restartable.plan("restart"))
    folder = restartable.attempt_folder("restart")
    assert folder is not None
    wait_for(folder.result.exists, "the end of the script")
    restartable.poll()
    with pytest.raises(Refused, match="has ended, and what it verifies is being evaluated"):
        restartable.cancel("restart")
    (here / "wait").unlink()
    assert ended(restartable, "restart") is StepStatus.DONE


def test_driver_that_leaves_while_it_verifies_waits_for_nothing(controller: IncidentController, here: Path) -> None:
    lay_out(here)
    (here / "wait").touch()
    controller.start("restart", controller.plan("restart"))
    folder = controller.attempt_folder("restart")
    assert folder is not None
    wait_for(folder.result.exists, "the end of the script")
    controller.poll()
    controller.leave()
    assert (here / "wait").exists(), "the check has not ended"
    (here / "wait").unlink()
    controller.take_control()
    assert ended(controller, "restart") is StepStatus.DONE
    assert [event.kind for event in controller.events].count(EventKind.FINISHED) == 1


def test_driver_that_dies_while_it_verifies_leaves_that_to_the_next_one(runbook: Runbook, here: Path) -> None:
    lay_out(here)
    (here / "wait").touch()
    child = os.fork()
    if child == 0:
        driver = IncidentController.declare(runbook, actor="ada@test")
        driver.start("restart", driver.plan("restart"))
        folder = driver.attempt_folder("restart")
        wait_for(lambda: folder is not None and folder.result.exists(), "the end of the script")
        driver.poll()
        os._exit(driver.incident.step("restart").status is StepStatus.RUNNING)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1, "it runs until it is verified"
    (here / "wait").unlink()
    (folder,) = incidents(runbook.location_of("logs"))
    controller = IncidentController.resume(folder, actor="ada@test")
    assert ended(controller, "restart") is StepStatus.DONE
    assert [event.kind for event in controller.events].count(EventKind.FINISHED) == 1
    controller.leave()
