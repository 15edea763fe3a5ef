"""Loops in an incident: each item is a step that is run, skipped and tried again alone."""

from __future__ import annotations

from pathlib import Path

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.state import StepStatus
from midwatch.runbook.model import Runbook
from midwatch.system.errors import Exit

RUNBOOK = """\
midwatch: 1
id: loops
title: Certificates
severity: SEV-2
phases:
  - title: Renew
    section: "3"
    steps:
      - id: read
        title: Read {{ item }}
        for_each: [web1, a/../b, web3]
        run: echo "days=${#HOST}" >> "$STEP_OUTPUT"
        env: {HOST: {from: item}}
        outputs: [days]
        risk: observe
      - id: renew
        title: Renew
        for_each: [web1, a/../b, web3]
        run: |
          [ ! -e "fail-${HOST##*/}" ] || exit 7
          echo "$HOST $DAYS" >> ran
        env: {HOST: {from: item}, DAYS: {from: read.days}}
        risk: change
      - id: report
        title: Report
        run: printf %s "$DAYS" > report
        env: {DAYS: {from: read.days}}
        risk: observe
        depends_on: [renew]
"""


def answers(here: Path, text: str) -> Path:
    file = here / "answers.yaml"
    file.write_text(f"actor: ada@test\n{text}", encoding="utf-8")
    return file


def test_items_are_run_skipped_and_tried_again_alone(
    controller: IncidentController, here: Path, runbook: Runbook
) -> None:
    (here / "fail-web1").touch()
    said: list[str] = []
    given = load_answers(answers(here, "skip: {'renew[a/../b]': it is retired}\n"), runbook)
    assert headless.run(controller, given, said.append) is Exit.FAILED
    assert "3.1.2 Read a/../b" in said
    assert controller.incident.status(runbook.step("renew")) is StepStatus.FAILED
    (here / "fail-web1").unlink()
    assert headless.run(controller, given, said.append, retry=True) is Exit.DONE
    assert (here / "ran").read_text(encoding="utf-8") == "web1 4\nweb3 4\n"
    assert (here / "report").read_text(encoding="utf-8") == "4\n6\n4"
    assert controller.incident.status(runbook.step("renew")) is StepStatus.DONE
    folder = controller.attempt_folder("read[a/../b]")
    assert folder is not None
    assert folder.path.parent.parent == controller.folder.path / "steps"
