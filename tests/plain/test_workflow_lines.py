"""Enter in plain lines does the next action in every situation, and asks for the same requirements in the same
order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from tests.support.line_operator import Operator
from tests.support.situations import (
    CHECK,
    GO_TO,
    SITUATIONS,
    Situation,
    asked_of,
    build,
    decision_of,
    recorded,
    stages,
)
from tui.plain.session import Session


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IncidentController]:
    controller = build(tmp_path_factory.mktemp("situations"))
    yield controller
    controller.leave()


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda found: found.id)
def test_enter_does_the_next_action(controller: IncidentController, situation: Situation, here: Path) -> None:
    words = [f"at {situation.id}", *([""] * (2 if situation.action == CHECK else 1))]
    if situation.again is not None:
        words += [f"at {situation.id}", "again"]
    if situation.undo is not None:
        words += [f"at {situation.id}", "undo"]
    operator = Operator(words)
    with recorded(controller) as made:
        Session(controller, operator).run()
    expected: list[tuple[str, ...]] = [(), *([()] if situation.action == CHECK else []), asked_of(situation.requires)]
    decisions = decision_of(situation)
    if situation.again is not None:
        expected += [(), situation.again]
        decisions += [("reopen" if situation.id.startswith("manual") else "start", situation.id)]
    if situation.undo is not None:
        expected += [(), situation.undo]
        decisions += [("start", situation.id)]
    assert [tuple(asked) for asked in operator.asked[:-1]] == expected
    assert made == decisions
    if situation.action == GO_TO:
        assert any(
            line.startswith(f"Enter goes to {controller.runbook.step('first').number}") for line in operator.said
        )


def test_enter_from_a_running_step_to_the_end(here: Path) -> None:
    """The lines say the next action before Enter, and what it did after it, for a driver and an observer."""
    said_before = {
        "RUN": "Enter plans it",
        "GO_TO": "Enter goes to 1.1 Hold",
        "OUTPUT": "Enter ",
        "CLOSE": "Enter evaluates the closure criteria",
        "TIMELINE": "Enter shows the last events",
    }
    said_after = {
        "RUN": ["It would:"],
        "GO_TO": ["1.1 Hold"],
        "OUTPUT": ["1.1 Hold goes on", "Lines 1 to"],
        "CLOSE": ["Nothing on the disk"],
        "TIMELINE": ["3, "],
    }
    for stage, driver, observer, step, expected in stages(here):
        for controller, action in zip((driver, observer), expected, strict=True):
            operator = Operator([f"at {step}", ""])
            with recorded(controller):
                Session(controller, operator).run()
            said = "\n".join(operator.said)
            assert said_before[action] in said, (stage, action)
            assert any(words in said for words in said_after[action]), (stage, action)


def test_plan_of_a_named_step_says_what_running_it_requires(controller: IncidentController) -> None:
    steps = ("run-destroy-todo", "run-change-unmet", "run-change-unasked", "run-observe-done")
    operator = Operator([f"plan {step}" for step in steps])
    Session(controller, operator).run()
    said = "\n".join(operator.said)
    for words in (
        "Planning 2.",
        "To run it, type run-destroy-todo when you are asked.",
        "It requires: Never met.",
        "It takes a second person.",
        "To run it, say why.",
    ):
        assert words in said


def test_counts_of_the_checklist_leave_out_what_is_not_needed(controller: IncidentController) -> None:
    operator = Operator(["where", "list all"])
    Session(controller, operator).run()
    whole = counted(next(line for line in operator.said if line.startswith("Steps: ")))
    phases = [counted(line) for line in operator.said if re.match(r"\d[^.:]*: \d+ [a-z]", line)]
    assert whole["to do"] > 0
    assert sum(phases, Counter()) == whole


def counted(line: str) -> Counter[str]:
    """`1 done, 3 to do` by status."""
    parts = line.removesuffix(".").partition(": ")[2].split(", ")
    return Counter({status: int(count) for count, _, status in (part.partition(" ") for part in parts)})
