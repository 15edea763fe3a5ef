"""Where a step uses what was given at the declaration, its page shows the value, whatever stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.api.plan import Plan
from midwatch.incident.state import Incident
from midwatch.runbook.loader import load
from midwatch.runbook.value_sources import Question
from screens.widgets.form import Field, asked
from screens.widgets.step_page import step_lines
from screens.widgets.step_page_data import PlanState, StepPageData
from screens.widgets.styles import TextStyles
from tests.support.reference_incident import NIGHT

RUNBOOK = """\
midwatch: 1
title: X
severity: SEV-2
inputs: [{name: where, prompt: Where?}]
phases:
  - title: A
    steps:
      - {id: a, title: A, uses: disk, with: {path: {from: inputs.where}}}
"""


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        ({}, "midwatch action disk --path inputs.where"),
        ({"where": "/srv/backups"}, "midwatch action disk --path /srv/backups"),
        ({"where": "/x\x1b]52;c;aGk=\x07\u202e[/red]\n/y"}, "midwatch action disk --path /x<U+202E>[/red] /y"),
    ],
)
def test_page_of_a_step_has_the_value(here: Path, inputs: dict[str, str], shown: str) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    parts = StepPageData(runbook.step("a"), runbook, Incident(inputs=inputs), PlanState(), NIGHT, 0.0)
    page = " ".join(line.plain.strip() for line in step_lines(parts, 90, TextStyles()))
    assert shown in page


def test_page_of_a_loop_has_its_parameters_and_no_digest_of_a_plan(here: Path) -> None:
    step = "{id: a, title: A, for_each: [/, /srv], uses: disk, with: {path: {from: item}}}"
    (here / "runbook.yaml").write_text(RUNBOOK.rpartition("- ")[0] + f"- {step}\n", encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    joint = Plan("for_each", {"/": "0123abcd", "/srv": "4567cdef"})
    parts = StepPageData(runbook.step("a"), runbook, Incident(), PlanState(plan=joint, at=NIGHT), NIGHT, 0.0)
    page = " ".join(line.plain.strip() for line in step_lines(parts, 90, TextStyles()))
    assert "midwatch action disk --path item" in page
    assert "0123abcd" not in page


def test_choice_has_its_options_and_may_be_left_open() -> None:
    ask = Question("a", "A?", "choice", options=("one", "two"), default="two")
    assert asked(ask) == Field("a", "A?", "one", True, "two", [("one", "one"), ("two", "two")], across=True)
    ask = Question("a", "A?", "choice", required=False, options=("x" * 30, "y" * 30))
    assert asked(ask, "was").options[-1] == ("", "none of these")
    assert (asked(ask, "was").value, asked(ask).across) == ("was", False)
