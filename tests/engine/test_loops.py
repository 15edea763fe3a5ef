"""Loops in an incident: each item is a step that is run, skipped and tried again alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.running_batch import RunningBatch
from midwatch.engine.workflow import ActionKind, NextAction, YesNo, next_action, requirements
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.reports.event_text import describe
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.system.errors import Exit, Refused
from tests.support.steps import ended
from tests.support.waiting import wait_for
from tui.cli import main

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
    assert controller.incident.step("renew[web3]").last is None  # stop_on_failure
    assert controller.incident.status(runbook.step("renew")) is StepStatus.FAILED
    (here / "fail-web1").unlink()
    assert headless.run(controller, given, said.append, retry=True) is Exit.DONE
    assert (here / "ran").read_text(encoding="utf-8") == "web1 4\nweb3 4\n"
    assert (here / "report").read_text(encoding="utf-8") == "4\n6\n4"
    assert controller.incident.status(runbook.step("renew")) is StepStatus.DONE
    folder = controller.attempt_folder("read[a/../b]")
    assert folder is not None
    assert folder.path.parent.parent == controller.folder.path / "steps"


def test_loop_with_one_consent_runs_its_remaining_items(controller: IncidentController, here: Path) -> None:
    for name in ("read[web1]", "read[a/../b]", "read[web3]"):
        run_step(controller, name)
    run_step(controller, "renew[web3]")
    (here / "fail-b").touch()
    plan = controller.plan("renew")
    assert dict(plan.facts)["items"] == "2: web1, a/../b"
    assert [effect.object for effect in plan.effects] == [f"{item}: whatever this command changes" for item in ITEMS]
    assert [text for label, text in plan.facts if "DAYS" in label] == ["4", "6"], plan.facts
    assert requirements(controller, ActionKind.RUN, "renew", plan=plan) == [YesNo()]
    controller.start("renew", plan)
    assert batch_ended(controller).problems == []
    loop = controller.runbook.step("renew")
    assert controller.incident.status(loop) is StepStatus.FAILED
    confirmed = [event.body for event in controller.events if event.kind == EventKind.CONFIRMED]
    assert [body.get("loop") for body in confirmed] == [None] * 4 + ["renew"] * 2
    said = [describe(event, controller.runbook) for event in controller.events if event.kind == EventKind.CONFIRMED]
    assert said[-1] == "3.2.2 Renew: a/../b: confirmed together with the other items"
    assert next_action(controller, "renew") == NextAction(ActionKind.RUN, "renew")
    again = controller.plan("renew")  # the failed one only
    assert dict(again.facts)["items"] == "1: a/../b"
    with pytest.raises(Refused, match=r"Renew was planned anew since this plan was shown"):
        controller.start("renew", plan)
    controller.skip("renew", "nobody needs it")
    assert controller.incident.status(controller.runbook.step("renew[a/../b]")) is StepStatus.SKIPPED
    assert controller.incident.status(loop) is StepStatus.DONE


ITEMS = ("web1", "a/../b")


def batch_ended(controller: IncidentController) -> RunningBatch:
    batch = controller.batch
    assert batch is not None
    wait_for(lambda: not batch.is_active)
    controller.poll()
    return batch


SOME = """\
midwatch: 1
id: some
title: Hosts
severity: SEV-2
phases:
  - title: Look
    steps:
      - {id: read, title: Read, for_each: [a, bcd], run: 'echo "n=${#X}" >> "$STEP_OUTPUT"', env: {X: {from: item}},
         outputs: [n], risk: observe}
      - {id: mend, title: Mend, for_each: [a, bcd], when: {answer: read.n, above: 1}, run: "true", risk: observe}
"""


def test_headless_names_the_items_that_are_not_needed(here: Path) -> None:
    (here / "runbook.yaml").write_text(SOME, encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    controller, said = IncidentController.declare(runbook, actor="ada@test"), list[str]()
    assert headless.run(controller, load_answers(answers(here, ""), runbook), said.append) is Exit.DONE
    (not_needed,) = [line for line in said if "not needed" in line]
    assert not_needed.startswith("1.2.1 Mend: a: not needed: ")
    assert "1.2.2 Mend: bcd" in said


PARALLEL = """\
midwatch: 1
id: parallel
title: Hosts
severity: SEV-2
phases:
  - title: Look
    id: look
    steps:
      - id: wait
        title: Wait
        for_each: [a, b, c, d]
        run: |
          touch "here-$ITEM"
          if [ "$ITEM" != d ]; then while [ ! -e here-c ]; do sleep 0.02; done; else exit 3; fi
        env: {ITEM: {from: item}}
        risk: observe
        parallel: 3
        stop_on_failure: false
      - {id: count, title: Count, run: ls here-* | wc -l, risk: observe, depends_on: [wait]}
      - {id: fine, title: Fine, for_each: [e, f], run: "true", risk: observe}
      - {id: sum, title: Sum, run: "true", risk: observe, depends_on: [fine]}
      - {id: change, title: Change, run: touch changed, risk: change}
      - {id: last, title: Last, run: "true", risk: observe}
  - {title: Later, steps: [{id: other, title: Other, run: "true", risk: observe}]}
"""


def test_all_that_only_observes_in_a_phase_runs_by_one_decision(here: Path) -> None:
    (here / "runbook.yaml").write_text(PARALLEL, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    controller.start_observing("look")  # three at a time: the first two end only once the third runs
    waits = ["wait[a]", "wait[b]", "wait[c]", "wait[d]"]
    assert batch_ended(controller).started == [*waits, "fine[e]", "fine[f]", "sum", "last"]
    assert controller.incident.status(controller.runbook.step("wait")) is StepStatus.FAILED
    assert controller.incident.step("count").last is None  # it depends on one that failed
    assert not (here / "changed").exists()
    with pytest.raises(Refused, match="Nothing is left in Look that only observes"):
        controller.start_observing("look")
    controller.leave()


def test_headless_observes_one_phase_and_leaves_the_incident_open(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "runbook.yaml").write_text(PARALLEL, encoding="utf-8")
    arguments = ["run", "runbook.yaml", "--headless", "--observe"]
    assert main([*arguments, "lok"]) == Exit.BAD_INPUT
    assert "There is no phase 'lok' in runbook.yaml. Did you mean 'look'?" in capsys.readouterr().err
    assert main([*arguments, "1"]) == Exit.FAILED  # one of the items failed
    assert "1.1.4 Wait: d" in capsys.readouterr().out
    assert main([*arguments, "2", "--resume"]) == Exit.DONE
    assert main([*arguments, "2", "--resume"]) != Exit.DONE
    assert "Nothing is left in Later that only observes" in capsys.readouterr().err
    assert not (here / "changed").exists()


REPORTED = """\
midwatch: 1
id: reported
title: Hosts
severity: SEV-2
inputs:
  - {name: disks, prompt: Which disks?, required: false}
phases:
  - title: Work
    steps:
      - {id: clean, title: "Clean {{ item }}", for_each: {from: inputs.disks}, run: "true", risk: observe}
      - id: hosts
        title: Read the hosts
        run: echo "names=$(cat hosts)" >> "$STEP_OUTPUT"
        outputs: [names]
        risk: observe
      - id: renew
        title: Renew
        for_each: {from: hosts.names}
        run: echo "$HOST" >> ran
        env: {HOST: {from: item}}
        risk: change
      - {id: tell, title: Tell, for_each: {from: hosts.names}, depends_on: [renew]}
"""


@pytest.fixture
def reported(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(REPORTED, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test", inputs={"disks": "/ /srv"})
    yield controller
    controller.leave()


def run_step(controller: IncidentController, step_id: str, reason: str = "") -> StepStatus:
    controller.start(step_id, controller.plan(step_id), reason=reason)
    return ended(controller, step_id)


def ids(controller: IncidentController) -> list[str]:
    return [step.id for step in controller.runbook.steps()]


def test_reported_items_are_journaled_and_the_same_after_a_resume(reported: IncidentController, here: Path) -> None:
    assert ids(reported) == ["clean[/]", "clean[/srv]", "hosts", "renew", "tell"]
    assert next_action(reported, "renew") == NextAction(ActionKind.GO_TO, "hosts", is_needed_first=True)
    with pytest.raises(Refused, match=r"The list of 1.3 Renew comes from hosts.names, which is not known yet"):
        reported.plan("renew")
    (here / "hosts").write_text("web1, web2 web1", encoding="utf-8")
    run_step(reported, "hosts")
    assert ids(reported)[3:] == ["renew[web1]", "renew[web2]", "tell[web1]", "tell[web2]"]
    assert run_step(reported, "renew[web2]") is StepStatus.DONE
    (here / "hosts").write_text("web3", encoding="utf-8")  # one that was renewed stays, one that nobody touched goes
    run_step(reported, "hosts", "the list was wrong")
    assert ids(reported)[3:] == ["renew[web2]", "renew[web3]", "tell[web3]"]
    assert run_step(reported, "renew[web3]") is StepStatus.DONE
    reported.leave()
    resumed = IncidentController.resume(reported.folder, actor="ada@test")
    assert ids(resumed) == ids(reported)
    resumed.mark_done("tell[web3]")
    assert (here / "ran").read_text(encoding="utf-8") == "web2\nweb3\n"
    said = [describe(event, resumed.runbook) for event in resumed.events if event.kind == EventKind.LOOP_ITEMS]
    assert said[-2:] == ["1.3 Renew: 2 items: web2, web3", "1.4 Tell: 1 item: web3"]
    resumed.leave()


def test_value_that_holds_no_list_says_why(reported: IncidentController, here: Path) -> None:
    (here / "hosts").write_text("x" * 300, encoding="utf-8")
    run_step(reported, "hosts")
    with pytest.raises(Refused, match=r"comes from hosts.names. An item has 300 characters; 200 are the most"):
        reported.plan("renew")
    reported.skip("renew", "nobody knows the hosts")
    (here / "hosts").write_text("", encoding="utf-8")
    run_step(reported, "hosts", "again")
    assert reported.incident.status(reported.runbook.step("tell")) is StepStatus.NOT_NEEDED


def test_plan_shows_each_item_that_an_input_names(
    reported: IncidentController, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "runbook.yaml", "--input", "disks=/ /srv"]) == 0
    said = capsys.readouterr().out
    assert "1.1.2 Clean /srv (observe)\n    touches nothing\n" in said
    assert "The list of 1.3 Renew comes from hosts.names, which is not known yet. Do step hosts first." in said
    assert main(["plan", "runbook.yaml", "clean", "--input", "disks=/home", "--json"]) == 0
    assert [step["step"] for step in json.loads(capsys.readouterr().out)["steps"]] == ["clean[/home]"]
    assert main(["plan", "runbook.yaml", "clean"]) == 2
    assert "inputs.disks, which was not given. Give it: --input disks=VALUE." in capsys.readouterr().out
