"""Each item of a loop has a folder, a name to type, tries, checks and an undo of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.system.errors import Refused
from tests.support.steps import ended

RUNBOOK = """\
midwatch: 1
id: loops
title: Certificates of two hosts
severity: SEV-2
phases:
  - title: Work
    section: "1"
    steps:
      - id: renew
        title: Renew {{ item }}
        for_each: [web1, web2]
        env: {HOST: {from: item}}
        cwd: {from: item}
        risk: change
        retry: {times: 1, wait: 0.1 s}
        outputs: [serial]
        run: |
          echo "serial=7 of $HOST" >> "$STEP_OUTPUT"
          [ -e tried ] || { touch tried; exit 4; }
          touch new
        undo: |
          echo '{{.State}}' "$SERIAL" > undone
          rm new
        verify:
          - title: "{{ item }} answers"
            check: command
            with: {run: 'test -e "$HOST/new"', env: {HOST: {from: item}}}
      - {id: wipe, title: Wipe, for_each: [web1, web2], risk: destroy, confirm: {from: item}, run: touch wiped}
"""


def run(controller: IncidentController, step_id: str, *, undo: bool = False) -> StepStatus:
    reason = "the wrong one" if undo else ""
    controller.start(step_id, controller.plan(step_id, undo=undo), undo=undo, reason=reason)
    return ended(controller, step_id)


def test_item_is_tried_again_verified_and_undone_on_its_own(controller: IncidentController, here: Path) -> None:
    for host in ("web1", "web2"):
        (here / host).mkdir()
        assert run(controller, f"renew[{host}]") is StepStatus.DONE
        last = controller.incident.step(f"renew[{host}]").last
        assert last is not None
        assert [failed.exit for failed in last.tries] == [4]
        assert f"Verified: {host} answers" in last.summary
    assert run(controller, "renew[web2]", undo=True) is StepStatus.TODO
    assert (here / "web2" / "undone").read_text() == "{{.State}} 7 of web2\n"
    assert (here / "web1" / "new").exists()
    assert not (here / "web2" / "new").exists()


def test_name_of_the_item_is_typed_before_it_is_destroyed(controller: IncidentController, here: Path) -> None:
    with pytest.raises(Refused, match="Type the name web1 exactly"):
        controller.start("wipe[web1]", controller.plan("wipe[web1]"), typed="web2")
    controller.start("wipe[web1]", controller.plan("wipe[web1]"), typed="web1")
    assert ended(controller, "wipe[web1]") is StepStatus.DONE
    assert (here / "wiped").exists()
