"""A reason says why: no answer of yes or no is one, wherever a reason is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.api.plan import PlanDraft, Verb
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.policy import name_to_type
from midwatch.engine.reasons import fault_of_reason, is_answer, require_reason
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.runbook.model import Risk, Step
from midwatch.runbook.severity import Severity
from midwatch.system.errors import BadInput, Refused
from tui.cli import main

ANSWERS = [
    "n",
    "N",
    "no",
    "No.",
    "y",
    "YES!",
    "ja",
    "Nein",
    "ok",
    "O.K.",
    "k",
    "cancel",
    "quit",
    "abort",
    "exit",
    "none",
]
ORNAMENTED = [
    "  no  ",
    "y e s",
    "no, no",
    "nooo",
    "yyyy",
    "ok, cancel",
    "ｙｅｓ",
    "y\u200bes",
    "n/a",
    "sí",
    "нет",
    "Yes, please",
]
PLACEHOLDERS = [
    "no reason",
    "No reason given.",
    "reason",
    "none given",
    "kein Grund",
    "just because",
    "asdf",
    "asdf asdf",
]
EMPTY = ["", " ", "-", "...", "42", "#1", "x", "xx", "é", "坏"]
REASONS = [
    "no space",
    "not yet",
    "over",
    "later",
    "why not",
    "db down",
    "坏了",
    "cancelled by Bob",
    "yesterday",
    "Nobody is there",
    "the same disk is full",
    "no answer from bar",
    "without a backup since Monday",
]
RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
locations: {freeze: freeze.json}
phases:
  - title: Work
    section: "1"
    steps:
      - {id: talk, title: Talk about it}
      - {id: freeze, title: Freeze it, uses: freeze, with: {mode: "on"}, risk: change}
      - id: work
        title: Do the work
        run: echo ran >> ran
        risk: change
        preconditions:
          - {title: The freeze is on, check: freeze-status}
closure:
  - {title: Disk empty, check: disk, with: {path: ., below: 0 %}}
"""


@pytest.mark.parametrize("text", ANSWERS + ORNAMENTED + PLACEHOLDERS + EMPTY)
def test_reason_that_is_only_an_answer_is_refused(text: str) -> None:
    assert fault_of_reason(text)
    with pytest.raises(Refused):
        require_reason(text)


def test_refused_reason_is_called_an_answer_only_where_it_is_one() -> None:
    assert fault_of_reason("nein").endswith("it answers a question of yes or no")
    assert fault_of_reason("wrong").endswith("it does not say why")


@pytest.mark.parametrize("text", REASONS)
def test_reason_that_says_why_is_taken(text: str) -> None:
    assert require_reason(f" {text} ") == text


@given(
    st.lists(st.sampled_from(["yes", "y", "no", "n", "nein", "ja", "ok", "cancel", "quit"]), min_size=1, max_size=4),
    st.sampled_from([" ", ", ", ". ", "/", "-", "\t", "!!! "]),
    st.sampled_from([str.lower, str.upper, str.title]),
)
def test_answers_in_any_case_and_punctuation_are_no_reason(
    words: list[str], between: str, case: Callable[[str], str]
) -> None:
    assert fault_of_reason(case(f"{between}{between.join(words)}{between}"))


@pytest.mark.parametrize("text", ["n", "Yes", "x", "42"])
def test_operation_that_takes_a_reason_refuses_an_answer(controller: IncidentController, text: str) -> None:
    controller.mark_done("talk")
    events, plan = len(controller.events), controller.plan("work")
    paths: list[Callable[[], object]] = [
        lambda: controller.skip("work", text),
        lambda: controller.mark_failed("work", text),
        lambda: controller.reopen("talk", text),
        lambda: controller.start_from("work", text),
        lambda: controller.start("work", plan, reason=text),
        lambda: controller.set_severity(Severity.SEV0, text),
    ]
    for path in paths:
        with pytest.raises(Refused, match="no reason"):
            path()
    assert len(controller.events) == events
    with pytest.raises(Refused, match="no reason"):
        controller.close(reason=text)
    assert controller.incident.open


def test_undo_and_a_step_done_by_hand_refuse_an_answer(controller: IncidentController, here: Path) -> None:
    controller.start("freeze", controller.plan("freeze"))
    while controller.incident.running():
        controller.poll()
    assert controller.incident.status(controller.runbook.step("freeze")) is StepStatus.DONE
    undo = controller.plan("freeze", undo=True)
    with pytest.raises(Refused, match="no reason"):
        controller.start("freeze", undo, reason="yes", undo=True)
    controller.mark_failed("work", "it cannot be done")
    with pytest.raises(Refused, match="no reason"):
        controller.mark_done("work", note="y")


def test_take_over_refuses_an_answer(controller: IncidentController, capsys: pytest.CaptureFixture[str]) -> None:
    observer = IncidentController.observe(controller.folder, actor="eve@test")
    with pytest.raises(Refused, match="no reason"):
        observer.take_control("n")
    for command in (
        ["runbook.yaml", "--take-over", "y"],
        ["run", "runbook.yaml", "--headless", "--answers", "a", "--take-over", "n"],
    ):
        assert main(command) == 2
        assert (
            "--take-over: 'y' is no reason" in (said := capsys.readouterr().err)
            or "--take-over: 'n' is no reason" in said
        )


@pytest.mark.parametrize("key", ["skip", "override"])
def test_answers_file_is_refused_at_the_place_of_an_answer(
    controller: IncidentController, here: Path, key: str
) -> None:
    (here / "answers.yaml").write_text(f"{key}:\n  work: n\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"'n' is no reason") as refused:
        load_answers(here / "answers.yaml", controller.runbook)
    assert refused.value.place is not None
    assert refused.value.place.line == 2


def test_freeze_with_an_answer_as_reason_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    assert main(["action", "freeze", "--mode", "on", "--reason", "n", "--runbook", "runbook.yaml", "--plan"]) == 2
    assert "reason: 'n' is no reason" in capsys.readouterr().err


def test_answer_is_never_the_name_that_a_destroy_step_wants(controller: IncidentController) -> None:
    step = load(Path("runbook.yaml")).step("freeze")
    draft = PlanDraft("clean", {}, confirm_name="y")
    draft.add(Verb.REMOVE, "everything", reversible=False)
    name = name_to_type(_destroying(step), draft.plan())
    assert name == "destroy y"
    assert not is_answer(name)


def _destroying(step: Step) -> Step:
    return replace(step, risk=Risk.DESTROY)
