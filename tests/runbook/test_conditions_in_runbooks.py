"""`when:` is read in all its forms, and a wrong one gets one sentence with its position."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.runbook.condition_forms import (
    AllOf,
    AnswerCompares,
    AnswerIs,
    AnyOf,
    Condition,
    Negation,
    Outcome,
    OutcomeIs,
    Relation,
)
from midwatch.runbook.loader import load
from midwatch.runbook.measures import Measure
from midwatch.runbook.value_sources import Reference
from tests.runbook.small_actions import HEAD, Errors

STEPS = """\
phases:
  - title: Phase
    steps:
      - {id: read, title: Read, run: "true", risk: observe, outputs: [days, urgent]}
      - {id: ask, title: Ask, questions: [{name: loss, prompt: Loss?, kind: yes-no}]}
      - id: act
        title: Act
        when: WHEN
"""
DAYS, URGENT, LOSS = Reference("read", "days"), Reference("read", "urgent"), Reference("ask", "loss")


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("{failed: read}", OutcomeIs(Outcome.FAILED, ("read",))),
        ("{done: [read, ask]}", OutcomeIs(Outcome.DONE, ("read", "ask"))),
        ("{unknown: read}", OutcomeIs(Outcome.UNKNOWN, ("read",))),
        ("{skipped: ask}", OutcomeIs(Outcome.SKIPPED, ("ask",))),
        ("{answer: ask.loss, is: yes}", AnswerIs((LOSS,), ("yes",))),
        ("{answer: read.days, is: present}", AnswerIs((DAYS,))),
        ("{answer: read.days, below: 7}", AnswerCompares((DAYS,), ((Relation.BELOW, Measure.parse("7")),))),
        (
            "{answer: read.days, at_least: 1 d, at_most: 7 d}",
            AnswerCompares(
                (DAYS,), ((Relation.AT_MOST, Measure.parse("7 d")), (Relation.AT_LEAST, Measure.parse("1 d")))
            ),
        ),
        (
            "{all: [{answer: read.urgent, is: yes}, {not: {failed: read}}]}",
            AllOf((AnswerIs((URGENT,), ("yes",)), Negation(OutcomeIs(Outcome.FAILED, ("read",))))),
        ),
        (
            "{any: [{skipped: ask}, {all: [{done: ask}, {answer: ask.loss, is: no}]}]}",
            AnyOf(
                (
                    OutcomeIs(Outcome.SKIPPED, ("ask",)),
                    AllOf((OutcomeIs(Outcome.DONE, ("ask",)), AnswerIs((LOSS,), ("no",)))),
                )
            ),
        ),
    ],
)
def test_condition_read_in_each_form(when: str, condition: Condition, tmp_path: Path) -> None:
    head = "midwatch: 1\ntitle: Small\nseverity: SEV-2\n"
    (tmp_path / "r.yaml").write_text(head + STEPS.replace("WHEN", when), encoding="utf-8")
    assert load(tmp_path / "r.yaml").step("act").when == condition


@pytest.mark.parametrize(
    ("when", "column", "sentence"),
    [
        ("{}", 15, "A condition takes one of done, failed, unknown, skipped, answer, check, all, any or not."),
        ("{failed: read, done: ask}", 15, "A condition takes one of done, failed,"),
        ("{answer: read.days}", 15, "'answer' needs 'is' or a limit. Such as"),
        ("{failed: read, is: yes}", 30, "'is' belongs to 'answer'."),
        ("{answer: read.days, is: 3, below: 7}", 42, "'is' and 'below' do not go together."),
        (
            "{answer: read.days, below: soon}",
            42,
            "This takes a number, a duration, a size or a percentage, not 'soon'.",
        ),
        ("{answer: read.days, above: 1 d, below: 7}", 42, "1 d is a duration and 7 is a number."),
        ("{answer: read.days, above: 7, at_most: 7}", 54, "No value is above 7 and at most 7. Exchange the limits"),
        ("{answer: read.days, is: [present, 3]}", 39, "'present' stands alone: it means any value."),
        ("{answer: read.days, is: }", 39, "This takes a list, not nothing."),
        ("{answer: ask.loss, is: maybe}", 38, "The answer to ask.loss is yes or no, never 'maybe'"),
        ("{all: []}", 21, "This list is empty"),
        (
            "{not: {answer: read.day, below: 7}}",
            30,
            "Step 'read' does not declare the output 'day'. Did you mean 'days'?",
        ),
        ("{any: [{failed: act}]}", 31, "'act' waits for itself."),
        ("{all: [{failed: raed}]}", 31, "There is no step 'raed'. Did you mean 'read'?"),
    ],
)
def test_wrong_condition_reported_with_its_position(when: str, column: int, sentence: str, errors_of: Errors) -> None:
    found = errors_of(HEAD + STEPS.replace("WHEN", when))
    line = HEAD.count("\n") + STEPS[: STEPS.index("WHEN")].count("\n") + 1
    assert any(error.startswith(f"r.yaml:{line}:{column}: {sentence}") for error in found), found
