"""What a step requires holds when it starts, or somebody has said why it runs all the same; and beginning at a later step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch import headless
from midwatch.answers import load_answers
from midwatch.conductor import Conductor
from midwatch.errors import Exit, Refused
from midwatch.export.timeline import timeline
from midwatch.incident.events import Kind
from midwatch.incident.state import StepStatus
from midwatch.runbook.loader import load
from tests.core.conftest import ended

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


@pytest.fixture
def conductor(here: Path) -> Iterator[Conductor]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    conductor = Conductor.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield conductor
    conductor.leave()


def test_what_is_required_holds_or_a_reason_is_given(conductor: Conductor, here: Path) -> None:
    (here / "site").mkdir()
    conductor.skip("freeze", "somebody else froze it")
    plan = conductor.plan("work")
    assert {name: state.met for name, state in conductor.required("work").items()} == {"the-freeze-is-on": False, "place": True}
    events = len(conductor.events)
    with pytest.raises(Refused, match="Do the work requires The freeze is on: "):
        conductor.start("work", plan)
    assert len(conductor.events) == events
    conductor.start("work", plan, reason="nobody deploys at night")
    assert ended(conductor, "work") is StepStatus.DONE
    last = conductor.incident.step("work").last
    assert last is not None
    assert [unmet.partition(":")[0] for unmet in last.unmet] == ["The freeze is on"]
    said = timeline(conductor.runbook, conductor.events, conductor.folder)
    assert "Run all the same: nobody deploys at night" in said
    assert "Not met: The freeze is on: " in said


def test_it_runs_without_a_word_once_everything_holds(conductor: Conductor, here: Path) -> None:
    (here / "site").mkdir()
    conductor.start("freeze", conductor.plan("freeze"))
    assert ended(conductor, "freeze") is StepStatus.DONE
    conductor.start("work", conductor.plan("work"))
    assert ended(conductor, "work") is StepStatus.DONE
    confirmed = next(e for e in conductor.events if e.kind == Kind.CONFIRMED and e.body["step"] == "work")
    assert [item["met"] for item in confirmed.body["preconditions"]] == [True, True]


def test_a_requirement_that_cannot_be_determined_is_not_met(conductor: Conductor) -> None:
    conductor.start("freeze", conductor.plan("freeze"))
    assert ended(conductor, "freeze") is StepStatus.DONE
    assert conductor.required("work")["place"].met is None  # there is no such folder
    with pytest.raises(Refused, match="requires There is a place to work"):
        conductor.start("work", conductor.plan("work"))


def test_without_a_screen_the_answers_say_why(conductor: Conductor, here: Path) -> None:
    (here / "site").mkdir()
    answers = here / "answers.yaml"
    text = "default_manual: {note: said}\nskip: {freeze: frozen already}\n"
    answers.write_text(text)
    with pytest.raises(Refused, match="requires The freeze is on"):
        headless.run(conductor, load_answers(answers, conductor.runbook), lambda _: None)
    answers.write_text(text + "override: {work: nobody deploys at night}\n")
    assert headless.run(conductor, load_answers(answers, conductor.runbook), lambda _: None) is Exit.DONE


def test_beginning_at_a_later_step_skips_what_waits_before_it(conductor: Conductor) -> None:
    with pytest.raises(Refused, match="reason"):
        conductor.begin_at("work", " ")
    with pytest.raises(Refused, match="Nothing before Freeze deployments waits"):
        conductor.begin_at("freeze", "why not")
    conductor.begin_at("work", "taken over from the day shift")
    assert [conductor.incident.step(name).status for name in ("freeze", "talk")] == [StepStatus.SKIPPED, StepStatus.SKIPPED]
    assert conductor.incident.step("talk").reason == "begun at 1.3: taken over from the day shift"
    assert conductor.incident.next_step(conductor.runbook) is conductor.runbook.step("work")
    with pytest.raises(Refused, match="is skipped"):
        conductor.begin_at("talk", "back again")
