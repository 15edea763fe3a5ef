"""What a step requires holds when it starts, or somebody has said why it runs all the same; and beginning at a later
step."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.reports.timeline import timeline
from midwatch.system.errors import Exit, Refused
from tests.support.steps import ended

RUNBOOK = """\
midwatch: 1
id: wary
title: A wary incident
severity: SEV-2
locations: {freeze: freeze.json}
phases:
  - title: Work
    section: "1"
    steps:
      - {id: freeze, title: Freeze deployments, uses: freeze, with: {mode: "on"}, risk: change}
      - {id: talk, title: Talk about it}
      - id: work
        title: Do the work
        run: echo ran >> ran
        risk: change
        depends_on: [freeze]
        preconditions:
          - {title: The freeze is on, check: freeze-status}
          - {id: place, title: There is a place to work, check: disk, with: {path: site, below: 100 %}}
"""


def test_precondition_holds_or_a_reason_is_given(controller: IncidentController, here: Path) -> None:
    (here / "site").mkdir()
    controller.skip("freeze", "somebody else froze it")
    plan = controller.plan("work")
    assert {name: state.met for name, state in controller.evaluate_preconditions("work").items()} == {
        "the-freeze-is-on": False,
        "place": True,
    }
    events = len(controller.events)
    with pytest.raises(Refused, match="Do the work requires The freeze is on: "):
        controller.start("work", plan)
    assert len(controller.events) == events
    controller.start("work", plan, reason="nobody deploys at night")
    assert ended(controller, "work") is StepStatus.DONE
    last = controller.incident.step("work").last
    assert last is not None
    assert [unmet.partition(":")[0] for unmet in last.unmet] == ["The freeze is on"]
    said = timeline(controller.runbook, controller.events, controller.folder)
    assert "Run all the same: nobody deploys at night" in said
    assert "Not met: The freeze is on: " in said


def test_step_whose_preconditions_hold_runs_without_a_question(controller: IncidentController, here: Path) -> None:
    (here / "site").mkdir()
    controller.start("freeze", controller.plan("freeze"))
    assert ended(controller, "freeze") is StepStatus.DONE
    controller.start("work", controller.plan("work"))
    assert ended(controller, "work") is StepStatus.DONE
    confirmed = next(e for e in controller.events if e.kind == EventKind.CONFIRMED and e.body["step"] == "work")
    assert [item["met"] for item in confirmed.body["preconditions"]] == [True, True]


def test_requirement_that_cannot_be_determined_is_not_met(controller: IncidentController) -> None:
    controller.start("freeze", controller.plan("freeze"))
    assert ended(controller, "freeze") is StepStatus.DONE
    assert controller.evaluate_preconditions("work")["place"].met is None  # there is no such folder
    with pytest.raises(Refused, match="requires There is a place to work"):
        controller.start("work", controller.plan("work"))


def test_headless_override_of_a_precondition_takes_its_reason_from_the_answers(
    controller: IncidentController, here: Path
) -> None:
    (here / "site").mkdir()
    answers = here / "answers.yaml"
    text = "default_manual: {note: said}\nskip: {freeze: frozen already}\n"
    answers.write_text(text)
    with pytest.raises(Refused, match="requires The freeze is on"):
        headless.run(controller, load_answers(answers, controller.runbook), lambda _: None)
    answers.write_text(text + "override: {work: nobody deploys at night}\n")
    assert headless.run(controller, load_answers(answers, controller.runbook), lambda _: None) is Exit.DONE


def test_beginning_at_a_later_step_skips_what_waits_before_it(controller: IncidentController) -> None:
    with pytest.raises(Refused, match="reason"):
        controller.start_from("work", " ")
    with pytest.raises(Refused, match="Nothing before Freeze deployments waits"):
        controller.start_from("freeze", "why not")
    controller.start_from("work", "taken over from the day shift")
    assert [controller.incident.step(name).status for name in ("freeze", "talk")] == [
        StepStatus.SKIPPED,
        StepStatus.SKIPPED,
    ]
    assert controller.incident.step("talk").reason == "begun at 1.3: taken over from the day shift"
    assert controller.incident.next_step(controller.runbook) is controller.runbook.step("work")
    with pytest.raises(Refused, match="is skipped"):
        controller.start_from("talk", "back again")
