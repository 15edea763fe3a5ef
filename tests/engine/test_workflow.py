"""The next action and the requirements of a decision in every situation, and headless mode, which meets them by its
file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch.engine import headless, workflow
from midwatch.engine.answers import Answer, Answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.workflow import ActionKind, Requirement, next_action, requirements
from midwatch.reports.handoff_summary import handoff_summary
from midwatch.runbook.loader import load
from midwatch.system.errors import BadInput, Exit, MidwatchError, SourceLocation
from screens.incident import primary_action
from screens.widgets.step_page_data import PlanState
from tests.support.clocks import AheadClock
from tests.support.line_operator import Operator
from tests.support.situations import (
    ANSWERS,
    APPROVAL,
    NAME,
    REASON,
    SECRETS,
    SITUATIONS,
    WAITS,
    YES,
    Situation,
    build,
    decision_of,
    recorded,
    stages,
)
from tui.plain.session import Session

OPEN_ENDS = """\
midwatch: 1
title: Open ends
severity: SEV-2
comms: {update_every: 15 min}
roles: {boss: {name: The boss}}
phases:
  - title: All of it
    steps:
      - {id: asked, title: Take ownership}
      - {id: work, title: Work, on_failure: {notify: [boss]}}
"""


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IncidentController]:
    controller = build(tmp_path_factory.mktemp("situations"))
    yield controller
    controller.leave()


def named(needed: list[Requirement]) -> tuple[str, ...]:
    words = {
        workflow.Reason: REASON,
        workflow.TypedName: NAME,
        workflow.Secrets: SECRETS,
        workflow.YesNo: YES,
        workflow.Answers: ANSWERS,
        workflow.Refusal: "",
    }
    found = (
        (WAITS if one.is_requested else APPROVAL) if isinstance(one, workflow.Approval) else words[type(one)]
        for one in needed
    )
    return tuple(word for word in found if word)


def required(controller: IncidentController, kind: ActionKind, step_id: str) -> tuple[str, ...]:
    plan = found = None
    if kind in (ActionKind.RUN, ActionKind.UNDO):
        plan = controller.plan(step_id, undo=kind is ActionKind.UNDO)
        found = controller.evaluate_preconditions(step_id)
    return named(requirements(controller, kind, step_id, plan=plan, found=found))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda found: found.id)
def test_next_action_and_its_requirements(controller: IncidentController, situation: Situation) -> None:
    action = next_action(controller, situation.id)
    assert action.kind.name == situation.action
    assert action.step == ("first" if action.kind is ActionKind.GO_TO else situation.id)
    if action.kind is ActionKind.CHECK_OUTCOME:
        action = next_action(controller, situation.id, inconclusive=[situation.id])
        assert action.kind is ActionKind.RUN
    if action.kind is not ActionKind.GO_TO:
        assert required(controller, action.kind, situation.id) == situation.requires
    if situation.again is not None and not situation.id.startswith("manual"):
        assert required(controller, ActionKind.RUN, situation.id) == situation.again
    if situation.undo is not None:
        assert required(controller, ActionKind.UNDO, situation.id) == situation.undo


class WithNext:
    """A controller whose runbook begins with this step, so that headless mode comes to it first."""

    def __init__(self, controller: IncidentController, step_id: str) -> None:
        self._controller, runbook = controller, controller.runbook
        first = dataclasses.replace(runbook.phases[0], steps=(runbook.step(step_id),))
        self.runbook = dataclasses.replace(runbook, phases=(first, *runbook.phases))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._controller, name)


def asked_for(controller: IncidentController, step_id: str) -> list[str]:
    """What headless mode asks of an empty answers file, given one after the other."""
    answers, asked = Answers("answers.yaml", wait_for_approval=0.0), list[str]()
    while len(asked) < 5:
        said: list[str] = []
        try:
            headless.run(WithNext(controller, step_id), answers, said.append, retry=True)  # type: ignore[arg-type]
            failure: MidwatchError | None = None
        except MidwatchError as error:
            failure = error
        if isinstance(failure, BadInput) and "must confirm" in failure.sentence:
            asked.append(NAME)
            answers = dataclasses.replace(answers, confirm={step_id: failure.hint.rpartition(": ")[2].rstrip("}")})
        elif isinstance(failure, BadInput) and "no answer" in failure.sentence:
            asked.append(ANSWERS)
            answers = dataclasses.replace(answers, default_manual=Answer(SourceLocation("answers.yaml")))
        elif failure is not None and "asks a person for the secret" in failure.sentence:
            return [*asked, SECRETS]
        elif failure is None or "override" in (failure.hint or ""):
            asked.append(REASON)
            answers = dataclasses.replace(answers, override={step_id: "it has to be"})
        else:
            waits = any("for a second person" in line for line in said)
            return [*asked, WAITS] if waits else asked
    return asked


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda found: found.id)
def test_headless_mode_does_the_same(controller: IncidentController, situation: Situation) -> None:
    """It looks into its file before it asks a second person, and the run itself is the yes."""
    if situation.id.rpartition("-")[2] in ("done", "skipped", "unneeded"):
        return  # it goes by these without a word
    with recorded(controller) as made:
        asked = asked_for(controller, situation.id)
    if situation.id.endswith("depends"):
        assert (asked, made) == ([ANSWERS], [("mark_done", "first")])
        return
    if situation.id.endswith("asks"):
        assert (asked, made) == ([SECRETS], [])  # no file can answer that
        return
    of_the_file = [word for word in situation.requires if word not in (YES, APPROVAL, WAITS)]
    assert asked == [*of_the_file, *(word for word in situation.requires if word == WAITS)]
    expected = [("start", situation.id)] if WAITS in situation.requires else decision_of(situation)
    assert list(dict.fromkeys(made)) == expected


def test_next_action_from_a_running_step_to_the_end(here: Path) -> None:
    for stage, driver, observer, step, expected in stages(here):
        found = tuple(next_action(view, step).kind.name for view in (driver, observer))
        assert found == expected, stage
        on_screen = tuple(
            primary_action.next_action(view, view.runbook.step(step), PlanState()).action.name
            for view in (driver, observer)
        )
        assert on_screen == tuple("PLAN" if name == "RUN" else name for name in expected), stage
        if "CLOSE" in expected:
            assert next_action(driver) == next_action(driver, step)
            assert named(requirements(driver, ActionKind.CLOSE, found=driver.evaluate_closure())) == (REASON,)
            assert requirements(observer, ActionKind.CLOSE, found=observer.evaluate_closure()) == []


def test_closing_says_what_it_leaves_undone(here: Path) -> None:
    (here / "runbook.yaml").write_text(OPEN_ENDS, encoding="utf-8")
    clock = AheadClock()
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test", clock=clock)
    assert workflow.open_ends(controller) == ["Not concluded: 1.1, 1.2"]
    clock.ahead = timedelta(minutes=20)
    controller.skip("asked", "nobody is here")
    controller.mark_failed("work", "it broke")
    controller.skip("work", "it cannot be mended")
    assert workflow.open_ends(controller) == [
        "Skipped, so not done: 1.1, 1.2",
        "The boss is still to be notified: work failed",
        "A status update is overdue by 5 min",
    ]
    operator = Operator(["closure"])
    Session(controller, operator).run()
    assert "The boss is still to be notified: work failed." in operator.said
    assert "A status update is overdue by 5 min." in operator.said
    said: list[str] = []
    assert headless.run(controller, Answers("answers.yaml"), said.append) is Exit.DONE
    assert "The boss is still to be notified: work failed" in said
    sections = handoff_summary(controller.runbook, controller.incident, controller.clock, None)
    assert [section.lines for section in sections if section.id == "next"] == [("nothing: the incident is closed",)]
