"""How the script of a step runs: its folder, its shell, the exits that count as done, the name that is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.reports.timeline import timeline
from midwatch.system.errors import Refused
from tests.support.steps import ended

RUNBOOK = """\
midwatch: 1
id: process
title: Scripts of every kind
severity: SEV-2
inputs: [{name: folder, prompt: Which folder?, default: deep, required: false}]
phases:
  - title: All of it
    section: "1"
    steps:
      - {id: folder, title: In a folder, risk: observe, cwd: {from: inputs.folder}, run: pwd > here}
      - id: python
        title: In Python
        risk: observe
        shell: python3 -B
        env: {NAME: deep}
        outputs: [size]
        run: |
          import os
          with open(os.environ["STEP_OUTPUT"], "a") as report:
              report.write(f"size={len(os.environ['NAME'])}\\n")
      - {id: loose, title: With other options, risk: observe, shell: bash -u, run: "false\\necho $0 went on > loose"}
      - {id: search, title: A search that finds nothing, risk: observe, ok_exits: [0, 1], run: grep -c x empty}
      - {id: broken, title: A search that breaks, risk: observe, ok_exits: [0, 1], run: grep -c x missing}
      - {id: only, title: Nothing may be found, risk: observe, ok_exits: 1, run: grep -c . full}
      - {id: gone, title: In no folder, risk: observe, cwd: nowhere, run: pwd}
      - {id: wipe, title: Wipe a host, risk: destroy, confirm: loghost1, run: touch wiped}
"""


def run(controller: IncidentController, step_id: str) -> StepStatus:
    controller.start(step_id, controller.plan(step_id))
    return ended(controller, step_id)


def summary(controller: IncidentController, step_id: str) -> str:
    last = controller.incident.step(step_id).last
    assert last is not None
    return last.summary


def test_script_runs_in_its_folder_and_by_its_shell(controller: IncidentController, here: Path) -> None:
    (here / "deep").mkdir()
    assert run(controller, "folder") is StepStatus.DONE
    assert (here / "deep" / "here").read_text().strip() == str(here / "deep")
    folder = controller.incident.step("folder").last
    assert folder is not None
    assert folder.command == f"cd {here}/deep\npwd > here"
    assert ("folder", str(here / "deep")) in controller.plan("folder").facts
    assert ("shell", "python3 -B") in controller.plan("python").facts
    assert run(controller, "python") is StepStatus.DONE
    last = controller.incident.step("python").last
    assert last is not None
    assert last.command.startswith("# read by python3 -B\n")
    assert controller.incident.value("python", "size") == "4"
    assert run(controller, "loose") is StepStatus.DONE
    assert (here / "loose").read_text().endswith("went on\n")
    assert run(controller, "gone") is StepStatus.FAILED
    assert "The step's folder" in summary(controller, "gone")


def test_exits_that_count_as_done_are_done_and_no_others(controller: IncidentController, here: Path) -> None:
    (here / "empty").touch()
    (here / "full").write_text("x\n")
    assert ("done by", "exit 0 or 1") in controller.plan("search").facts
    assert run(controller, "search") is StepStatus.DONE
    assert summary(controller, "search") == "exit 1, which counts as done"
    assert "exit 1, which counts as done" in timeline(controller.runbook, controller.events, controller.folder)
    assert run(controller, "broken") is StepStatus.FAILED
    assert run(controller, "only") is StepStatus.FAILED
    assert "exit 0" in summary(controller, "only")


def test_destroy_runs_once_the_name_of_confirm_is_typed(controller: IncidentController, here: Path) -> None:
    plan = controller.plan("wipe")
    with pytest.raises(Refused, match="Type the name loghost1 exactly"):
        controller.start("wipe", plan, typed="wipe")
    assert not (here / "wiped").exists()
    controller.start("wipe", plan, typed="loghost1")
    assert ended(controller, "wipe") is StepStatus.DONE
