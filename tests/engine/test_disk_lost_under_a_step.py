"""The incident's disk turns read-only, or is pulled out, under a step: it runs on, and nobody is told more than is
known."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.supervisor.status import Result, inspect_attempt
from midwatch.system.errors import Refused
from tests.support.failing_disk import Disk
from tests.support.steps import ended
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: lost
title: The disk is lost
severity: SEV-1
locations: {logs: ext4/logs, journal_fallback: second}
phases:
  - title: All
    steps:
      - id: work
        title: Do the work
        risk: change
        run: echo began >> began; while [ ! -e go ]; do sleep 0.05; done; echo ran >> ran; echo said
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path, "errors=remount-ro")
    yield disk
    (tmp_path / "go").touch()
    disk.unmount()


@pytest.mark.parametrize(("fault", "reason"), [("turn_read_only", "left no result"), ("pull_out", "cannot be read")])
def test_step_runs_on_and_its_end_is_unknown(disk: Disk, tmp_path: Path, fault: str, reason: str) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada@test")
    plan = controller.plan("work")
    controller.start("work", plan)
    getattr(disk, fault)()
    controller.note("the disk is lost")
    for _ in range(3):
        controller.poll()
    assert controller.incident.step("work").status is StepStatus.RUNNING
    with pytest.raises(Refused, match="is already running"):
        controller.start("work", plan, reason="once more")
    (tmp_path / "go").touch()
    assert ended(controller, "work") is StepStatus.UNKNOWN
    last = controller.incident.step("work").last
    assert last is not None
    assert reason in last.summary
    assert ((tmp_path / "began").read_text(), (tmp_path / "ran").read_text()) == ("began\n", "ran\n")
    controller.leave()
    disk.unmount()
    disk.mount()
    (folder,) = (disk.root / "logs" / "incidents").iterdir()
    assert verify(folder / "journal.jsonl").ok
    again = IncidentController.resume(controller.folder, actor="ada@test")
    assert again.incident.step("work").status is StepStatus.UNKNOWN, "nothing runs again by itself"
    assert verify(folder / "journal.jsonl").ok
    again.leave()


def test_started_step_after_a_power_cut_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK.replace("ext4/logs", "logs"), encoding="utf-8")
    (tmp_path / "go").touch()
    controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada@test")
    controller.start("work", controller.plan("work"))
    attempt = controller.attempt_folder("work")
    assert attempt is not None
    wait_for(lambda: isinstance(inspect_attempt(attempt), Result))
    shutil.rmtree(attempt.path)
    controller.poll()
    last = controller.incident.step("work").last
    assert last is not None
    assert (last.outcome, last.summary) == ("unknown", "It was started, and what it left on disk is gone")
    controller.leave()
