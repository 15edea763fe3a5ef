"""`when: {check: …}`: evaluated when the step becomes next, decided by the record from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import Answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.workflow import ActionKind, next_action
from midwatch.incident.events import EventKind
from midwatch.incident.reducer import reduce
from midwatch.incident.step_status import StepStatus
from midwatch.reports.event_text import describe
from midwatch.system.errors import Exit, Refused
from tests.support.plain_lines import talking

RUNBOOK = """\
midwatch: 1
title: A log host fills up
severity: SEV-2
phases:
  - title: Clean
    steps:
      - {id: look, title: Look, run: 'echo host=web1 >>"$STEP_OUTPUT"', risk: observe, outputs: [host]}
      - id: clean
        title: Clean up
        run: echo cleaned >>cleaned
        risk: change
        when:
          check: command
          with:
            env: {HOST: {from: look.host}}
            run: |
              echo asked >>asked
              [ ! -e broken ] || exit 3
              echo "$HOST is $(cat full) % full"
              [ "$(cat full)" -ge 80 ]
      - id: call
        title: Call the owner
        when:
          any:
            - {failed: clean}
            - not: {check: disk, with: {path: ., below: 100 %}}
      - id: each
        title: Tell {{ item }}
        run: echo $ITEM >>told
        env: {ITEM: {from: item}}
        risk: observe
        for_each: [web1, web2]
        when: {check: command, with: {run: '[ "$ITEM" = web2 ] && echo it is', env: {ITEM: {from: item}}}}
"""


def status(controller: IncidentController, step: str) -> StepStatus:
    return controller.incident.status(controller.runbook.step(step))


def at_the_check(controller: IncidentController) -> None:
    controller.skip("look", "it is known")


def test_step_whose_check_holds_is_run_and_one_whose_check_does_not_is_not_needed(
    controller: IncidentController, here: Path
) -> None:
    (here / "full").write_text("91")
    assert status(controller, "clean") is StepStatus.UNDECIDED
    assert not (here / "asked").exists(), "nothing is evaluated before the step is next"
    said: list[str] = []
    assert headless.run(controller, Answers("a"), said.append) is Exit.DONE
    assert "1.2 Clean up: needed: the check command holds: web1 is 91 % full" in said
    assert (here / "cleaned").exists()
    assert status(controller, "call") is StepStatus.NOT_NEEDED
    assert (here / "told").read_text() == "web2\n"
    assert status(controller, "each[web1]") is StepStatus.NOT_NEEDED
    assert (here / "asked").read_text() == "asked\n", "it is evaluated once"


def test_record_alone_decides_once_the_check_was_evaluated(controller: IncidentController, here: Path) -> None:
    (here / "full").write_text("12")
    controller.start("look", controller.plan("look"))
    while controller.incident.running():
        controller.poll()
    assert next_action(controller).kind is ActionKind.CHECK_NEED
    controller.check_need("clean")
    assert status(controller, "clean") is StepStatus.NOT_NEEDED
    event = next(event for event in controller.events if event.kind == EventKind.NEED_CHECKED)
    assert event.body["holds"] is False
    assert describe(event, controller.runbook) == (
        "1.2 Clean up: whether it is needed: the check does not hold. web1 is 12 % full"
    )
    (here / "full").write_text("99")
    again = reduce(controller.events)
    assert again.status(controller.runbook.step("clean")) is StepStatus.NOT_NEEDED
    assert (here / "asked").read_text() == "asked\n"
    controller.check_need("clean")
    assert status(controller, "clean") is StepStatus.TODO, "a person can have it evaluated once more"


def test_check_that_cannot_be_evaluated_leaves_the_step_undecided(controller: IncidentController, here: Path) -> None:
    (here / "broken").touch()
    at_the_check(controller)
    controller.check_need("clean")
    assert status(controller, "clean") is StepStatus.UNDECIDED
    assert "look.host" in controller.incident.condition(controller.runbook.step("clean")).reason
    assert next_action(controller).kind is ActionKind.DECIDE_NEED
    controller.reopen("clean", "the owner says so")
    assert status(controller, "clean") is StepStatus.TODO
    with pytest.raises(Refused):
        controller.check_need("clean")


def test_negated_check_that_holds_makes_the_step_not_needed(controller: IncidentController) -> None:
    at_the_check(controller)
    controller.skip("clean", "the owner does it")
    assert next_action(controller).step == "call"
    controller.check_need("call")
    assert status(controller, "call") is StepStatus.NOT_NEEDED


@pytest.mark.slow
def test_plain_lines_evaluate_the_check_and_say_its_script_first(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "full").write_text("12")
    with talking(here, "--plain") as talk:
        talk.declare()
        talk.word("")
        talk.until("Checking whether 1.2 Clean up is needed.")
        talk.until("the check command runs: echo asked >>asked")
        talk.until("1.2 Clean up: not needed: the check command does not hold: web1 is 12 % full.")
        talk.until("1.3 Call the owner: not needed")
        talk.until("1.4 Tell web1, web2")
