"""What holds while the items of a loop run by one consent: approval, cancel, a driver that leaves, a changed world."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.workflow import (
    ActionKind,
    Approval,
    NextAction,
    Reason,
    TypedName,
    YesNo,
    next_action,
    requirements,
)
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Exit, Refused
from midwatch.system.identity import Identity
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: batches
title: Batches
severity: SEV-2
phases:
  - title: Work
    section: "1"
    steps:
      - id: work
        title: Work
        for_each: [a, b, c]
        run: |
          echo "$ITEM" >> ran
          while [ -e "hold-$ITEM" ]; do sleep 0.02; done
        undo: |
          [ ! -e "break-$ITEM" ] || exit 1
          echo "$ITEM" >> undone
        env: {ITEM: {from: item}}
        risk: change
      - id: pair
        title: Pair
        for_each: [a, b]
        run: echo "$ITEM" >> paired
        env: {ITEM: {from: item}}
        risk: destroy
        requires_approval: true
      - id: burn
        title: Burn
        for_each: [x, y]
        run: echo "$ITEM" >> burnt
        env: {ITEM: {from: item}}
        risk: destroy
      - {id: say, title: Say, for_each: [ada, bob], questions: [{name: what, prompt: What was said?}]}
"""
BOB = Identity("bob", os.getuid() + 11, os.getuid() + 11, 11)


def started(controller: IncidentController, here: Path) -> None:
    """The loop `work` runs, and its first item waits."""
    (here / "hold-a").touch()
    controller.start("work", controller.plan("work"))


def statuses(controller: IncidentController, loop: str) -> list[str]:
    step = controller.runbook.step(loop)
    assert step.loop is not None
    return [controller.incident.status(item).value for item in step.loop.steps]


def over(controller: IncidentController) -> None:
    batch = controller.batch
    assert batch is not None
    wait_for(lambda: not batch.is_active)
    controller.poll()


def test_batch_after_its_driver_left_starts_nothing_further(controller: IncidentController, here: Path) -> None:
    started(controller, here)
    assert next_action(controller, "work") == NextAction(ActionKind.OUTPUT, "work")
    with pytest.raises(Refused, match=r"Work is already running|work is being run from here"):
        controller.start("work", controller.plan("work"))
    controller.leave()
    (here / "hold-a").unlink()
    resumed = IncidentController.resume(controller.folder, actor="bob@test")
    wait_for(lambda: [resumed.poll(), not resumed.incident.running()][1])
    assert statuses(resumed, "work") == ["done", "to do", "to do"]
    assert next_action(resumed) == NextAction(ActionKind.RUN, "work")
    resumed.start("work", resumed.plan("work"))
    over(resumed)
    assert (here / "ran").read_text(encoding="utf-8") == "a\nb\nc\n"
    resumed.leave()


def test_cancel_ends_the_item_that_runs_and_starts_no_other(controller: IncidentController, here: Path) -> None:
    started(controller, here)
    controller.cancel("work")
    over(controller)
    assert statuses(controller, "work") == ["failed", "to do", "to do"]


def test_item_whose_plan_has_changed_since_it_was_shown_does_not_start(
    controller: IncidentController, here: Path
) -> None:
    started(controller, here)
    file = controller.folder.runbook  # the copy by which items are run
    os.chmod(file, 0o600)  # noqa: PTH101
    file.write_text(file.read_text(encoding="utf-8").replace("echo", "printf"), encoding="utf-8")
    (here / "hold-a").unlink()
    over(controller)
    assert statuses(controller, "work") == ["done", "to do", "to do"]
    assert controller.batch is not None
    assert controller.batch.take_problems()[0].startswith("1.1.2 Work: b: ")


def test_loop_is_undone_by_one_consent_the_last_item_first(controller: IncidentController, here: Path) -> None:
    with pytest.raises(Refused, match="No item of Work is left that can be undone now"):
        controller.plan("work", undo=True)
    with pytest.raises(Refused, match="Burn has no undo"):
        controller.plan("burn", undo=True)
    controller.start("work", controller.plan("work"))
    over(controller)
    (here / "break-b").touch()
    for done, left in ((["done", "done", "to do"], "c\n"), (["to do"] * 3, "c\nb\na\n")):
        plan = controller.plan("work", undo=True)
        assert requirements(controller, ActionKind.UNDO, "work", plan=plan) == [Reason(()), YesNo()]
        for wrong in ({"undo": True}, {"reason": "the wrong release"}):
            with pytest.raises(Refused):
                controller.start("work", plan, **wrong)
        controller.start("work", plan, undo=True, reason="the wrong release")
        over(controller)
        assert statuses(controller, "work") == done, "it stops at the first undo that fails"
        assert (here / "undone").read_text(encoding="utf-8") == left
        (here / "break-b").unlink(missing_ok=True)
    assert plan.facts[0] == ("items", "2: b, a")
    last = controller.incident.step("work[a]").last
    assert last is not None
    assert last.undoes == 1
    controller.start("work", controller.plan("work"))
    over(controller)
    assert statuses(controller, "work") == ["done"] * 3


def test_second_person_approves_all_items_once(controller: IncidentController, here: Path) -> None:
    plan = controller.plan("pair")
    assert requirements(controller, ActionKind.RUN, "pair", plan=plan) == [Approval(False), TypedName("pair")]
    with pytest.raises(Refused, match="takes two people"):
        controller.start("pair", plan, typed="pair")
    controller.request_approval("pair", plan)
    assert [step.id for step in controller.pending_steps()] == ["pair"]
    asked = controller.incident.approvals["pair"]
    body = {"step": "pair", "asked": asked.seq, "digest": plan.digest, "by": BOB.to_json()}
    controller.session.append(EventKind.APPROVAL_GIVEN, body)
    with pytest.raises(Refused, match="Type the name pair exactly"):
        controller.start("pair", plan, typed="a")
    controller.start("pair", plan, typed="pair")
    over(controller)
    assert (here / "paired").read_text(encoding="utf-8") == "a\nb\n"
    attempts = [controller.incident.step(f"pair[{item}]").attempts[-1] for item in "ab"]
    assert [attempt.approved_by for attempt in attempts] == ["bob", "bob"]
    assert controller.incident.approvals == {}  # it counts once


def test_answers_name_a_loop_or_one_of_its_items(controller: IncidentController, here: Path, runbook: Runbook) -> None:
    text = """\
actor: ada@test
skip: {pair: nobody is there, "work[b]": not b}
manual: {say: {values: {what: hello}}, "say[bob]": {values: {what: goodbye}}}
"""
    (here / "answers.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="Step burn destroys: the answers file must confirm 'burn'"):
        load_answers(here / "answers.yaml", runbook).require_complete(runbook, controller.incident)
    (here / "answers.yaml").write_text(f"{text}confirm: {{burn: burn}}\n", encoding="utf-8")
    answers = load_answers(here / "answers.yaml", runbook)
    answers.require_complete(runbook, controller.incident)
    assert headless.run(controller, answers, lambda line: None) is Exit.DONE
    assert statuses(controller, "work") == ["done", "skipped", "done"]
    assert statuses(controller, "pair") == ["skipped", "skipped"]
    assert (here / "burnt").read_text(encoding="utf-8") == "x\ny\n"
    assert [controller.incident.value(f"say[{who}]", "what") for who in ("ada", "bob")] == ["hello", "goodbye"]
    answers.require_complete(controller.runbook, controller.incident)  # nothing is asked again
    assert controller.incident.status(controller.runbook.step("say")) is StepStatus.DONE
