"""A script that fails is run again by itself, as often as its step says, and every try is on record."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import incidents
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.reducer import reduce
from midwatch.incident.step_state import Attempt
from midwatch.incident.step_status import StepStatus
from midwatch.journal.verify import verify
from midwatch.reports.timeline import timeline
from midwatch.runbook.model import Runbook
from midwatch.system.errors import Refused
from tests.support.steps import ended
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: retried
title: Something to try again
severity: SEV-2
phases:
  - title: Work
    section: "1"
    steps:
      - id: fetch
        title: Fetch the certificate
        risk: change
        timeout: 1 min
        retry: {times: 3, wait: 0.1 s, on: [1, 75]}
        outputs: [serial]
        run: |
          echo run >> runs; echo "serial=$(wc -l < runs)" >> "$STEP_OUTPUT"
          [ -e quiet ] || echo "run $(wc -l < runs)"
          code=$(sed -n "$(wc -l < runs)p" codes)
          [ "$code" != hang ] || sleep 1000
          [ "$code" != die ] || kill -9 $$
          [ "$code" = 0 ] || { echo "old=1" >> "$STEP_OUTPUT"; exit "$code"; }
        on_failure: {raise_severity: SEV-1}
      - {id: patient, title: Try again much later, risk: change, retry: {times: 1, wait: 1 h},
                run: echo ran >> runs; exit 2}
"""


def last(controller: IncidentController, step_id: str = "fetch") -> Attempt:
    found = controller.incident.step(step_id).last
    assert found is not None
    return found


def run(controller: IncidentController, here: Path, *codes: int | str) -> StepStatus:
    (here / "codes").write_text("\n".join(map(str, codes)) + "\n")
    controller.start("fetch", controller.plan("fetch"))
    return ended(controller, "fetch")


def tries(controller: IncidentController) -> list[tuple[int, int, int]]:
    events = [event.body for event in controller.events if event.kind == EventKind.TRIED]
    return [(body["try"], body["of"], body["exit"]) for body in events]


def test_script_is_tried_again_until_it_succeeds(controller: IncidentController, here: Path) -> None:
    plan = controller.plan("fetch")
    assert ("retry", "3 more tries, 0.1 s apart, after exit 1 or 75") in plan.facts
    assert run(controller, here, 75, 1, 0) is StepStatus.DONE
    assert (here / "runs").read_text() == "run\n" * 3
    assert tries(controller) == [(1, 4, 75), (2, 4, 1)]
    assert controller.incident.step("fetch").values == {"serial": "3"}, "of the last try alone"
    assert last(controller).summary == "exit 0. It was try 3 of 4"
    assert [failed.exit for failed in last(controller).tries] == [75, 1]
    folder = controller.attempt_folder("fetch")
    assert folder is not None
    assert folder.output.read_text().splitlines() == [
        "run 1", "", "[midwatch: exit 75; try 2 of 4 begins in 0.1 s]",
        "run 2", "", "[midwatch: exit 1; try 3 of 4 begins in 0.1 s]",
        "run 3",
    ]  # fmt: skip
    told = timeline(controller.runbook, controller.events, controller.folder)
    assert "try 1 of 4 failed, exit 75; the next one begins in 0.1 s" in told
    assert "Try 2 of 4: failed, exit 1" in told
    assert reduce(controller.events).step("fetch").status is StepStatus.DONE
    assert verify(controller.folder.journal).ok


def test_script_that_fails_at_every_try_has_failed_once(controller: IncidentController, here: Path) -> None:
    assert run(controller, here, 1, 1, 1, 1, 0) is StepStatus.FAILED
    assert (here / "runs").read_text() == "run\n" * 4
    assert last(controller).summary.endswith("its last line: “run 4”. It was try 4 of 4")
    assert [event.kind for event in controller.events].count(EventKind.SEVERITY) == 1
    (here / "quiet").touch()
    assert run(controller, here, 0, 0, 0, 0, 1, 9) is StepStatus.FAILED
    assert "last line" not in last(controller).summary, "neither a line of Midwatch nor one of an earlier try"


@pytest.mark.parametrize("code", [9, "die"])
def test_other_ends_are_not_tried_again(controller: IncidentController, here: Path, code: int | str) -> None:
    assert run(controller, here, 75, code, 0) is StepStatus.FAILED
    assert last(controller).exit == (-9 if code == "die" else code)
    assert tries(controller) == [(1, 4, 75)]


def test_outcome_that_nobody_knows_is_not_tried_again(controller: IncidentController, here: Path) -> None:
    (here / "codes").write_text("75\nhang\n")
    controller.start("fetch", controller.plan("fetch"))
    wait_for(lambda: (here / "runs").exists() and (here / "runs").read_text() == "run\n" * 2, "the second try")
    controller.poll()
    assert last(controller).present_try == "try 2 of 4"
    os.kill(int(last(controller).supervisor["pid"]), signal.SIGKILL)
    assert ended(controller, "fetch") is StepStatus.UNKNOWN
    assert (here / "runs").read_text() == "run\n" * 2
    with contextlib.suppress(Refused):  # it may have ended with its terminal
        controller.cancel("fetch")


def test_waiting_for_the_next_try_can_be_stopped(controller: IncidentController, here: Path) -> None:
    controller.start("patient", controller.plan("patient"))
    wait_for(lambda: controller.poll() is not None and bool(last(controller, "patient").tries), "the first try")
    assert last(controller, "patient").ending == "running, try 2 of 2"
    controller.cancel("patient")
    assert ended(controller, "patient") is StepStatus.FAILED
    assert last(controller, "patient").outcome is StepOutcome.CANCELLED
    assert last(controller, "patient").summary == "The step was stopped while it waited for try 2 of 2"
    assert (here / "runs").read_text() == "ran\n"


@pytest.mark.parametrize("at", ["between two tries", "after the last one"])
def test_driver_that_dies_leaves_the_tries_to_go_on_and_none_is_lost_or_repeated(
    runbook: Runbook, here: Path, at: str
) -> None:
    (here / "codes").write_text("75\n1\n0\n")
    child = os.fork()
    if child == 0:
        driver = IncidentController.declare(runbook, actor="ada@test")
        driver.start("fetch", driver.plan("fetch"))
        folder = driver.attempt_folder("fetch")
        assert folder is not None
        path = folder.tries if at == "between two tries" else folder.result
        wait_for(path.exists, "a try to end")
        os._exit(0)
    os.waitpid(child, 0)
    (folder,) = incidents(runbook.location_of("logs"))
    controller = IncidentController.resume(folder, actor="ada@test")
    assert ended(controller, "fetch") is StepStatus.DONE
    assert (here / "runs").read_text() == "run\n" * 3
    assert tries(controller) == [(1, 4, 75), (2, 4, 1)]
    controller.leave()


def test_retry_that_was_not_consented_to_does_not_run(controller: IncidentController, here: Path) -> None:
    plan = controller.plan("fetch")
    more = replace(plan, parameters={**plan.parameters, "retry": "9 more tries, 0.1 s apart, after exit 1 or 75"})
    with pytest.raises(Refused, match="other parameters are given: retry 9 more tries"):
        controller.start("fetch", more)
    assert not (here / "runs").exists()
