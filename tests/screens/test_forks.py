"""A choice that decides on the way: a fork in the checklist, in plain lines and in the exports; marks of moments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.timeline import timeline
from midwatch.runbook.forks import ways_taken
from midwatch.runbook.loader import RunbookErrors, load
from screens.widgets.checklist import Checklist
from tests.support.line_operator import Operator
from tests.support.screen_pilot import grid, opened
from tests.support.steps import ended
from tui.plain.session import Session

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: forks
title: A fork
severity: SEV-2
phases:
  - title: Decide
    steps:
      - id: assess
        title: Choose the way
        questions: [{name: way, prompt: Which way?, kind: choice, options: [roll-back, go-on, wait]}]
      - id: back
        title: Roll back
        run: "true"
        risk: observe
        when: {answer: assess.way, is: roll-back}
        marks: mitigated
      - {id: onward, title: Go on, when: {all: [{answer: assess.way, is: go-on}, {not: {failed: assess}}]}}
      - {id: report, title: Report, marks: resolved}
"""
TAKEN = "Way roll-back: 1.2. Not taken: go-on (1.3); wait (no step of its own)"


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


async def test_fork_on_the_screen_shows_the_ways_and_which_was_taken(controller: IncidentController) -> None:
    async with opened(controller, sources=[], size=(120, 30)) as pilot:
        shown = grid(pilot)
        assert "└ – 1.2 Roll back" in shown
        assert "if roll-back" in shown
        assert "if go-on" in shown
        assert "roll-back: 1.2; go-on: 1.3; wait: no step of its own" in " ".join(shown.split())
    controller.mark_done("assess", values={"way": "roll-back"})
    async with opened(controller, sources=[], size=(120, 30)) as pilot:
        rows = pilot.app.screen.query_one("#checklist", Checklist).plain().splitlines()
        assert "roll-back" in next(row for row in rows if "1.1 Choose the way" in row)
        assert "not taken" in next(row for row in rows if "1.3 Go on" in row)
        assert "not taken" not in next(row for row in rows if "1.2 Roll back" in row)


def test_fork_and_marks_in_plain_lines_and_exports(controller: IncidentController) -> None:
    operator = Operator(["view assess", "list"])
    Session(controller, operator).run()
    assert "Its answer chooses the way: roll-back: 1.2; go-on: 1.3; wait: no step of its own." in operator.said
    assert "  not needed: 1.2 Roll back, way open: roll-back" in operator.said
    controller.mark_done("assess", values={"way": "roll-back"})
    controller.start("back", controller.plan("back"))
    ended(controller, "back")
    operator = Operator(["view assess", "list", "timeline", "view report"])
    Session(controller, operator).run()
    said = "\n".join(operator.said)
    assert f"{TAKEN}." in operator.said
    assert "done: 1.2 Roll back, way taken: roll-back" in said
    assert "not needed: 1.3 Go on, way not taken: go-on" in said
    assert f"1.1 Choose the way: done. {TAKEN}" in said
    assert "The incident is mitigated" in said
    assert "Done, it marks the incident as resolved." in said
    assert list(controller.incident.marks) == ["mitigated"]
    assert controller.incident.marks["mitigated"].step == "back"
    written = timeline(controller.runbook, controller.events, controller.folder)
    assert TAKEN in written.replace("\\", "")
    assert "This way was not taken: assess.way is roll-back" in written.replace("\\", "")
    mitigated = next(line for line in written.splitlines() if line.startswith("| Mitigated |"))
    assert "1.2 Roll back" in mitigated
    assert "| Time to mitigate | not known |" not in post_mortem(
        controller.runbook, controller.events, controller.folder
    )


def test_fork_whose_options_a_command_gives_has_the_ways_that_conditions_name(here: Path) -> None:
    by_command = RUNBOOK.replace("options: [roll-back, go-on, wait]", "options: {command: cat ways}")
    (here / "runbook.yaml").write_text(by_command, encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    assert ways_taken("assess", {"way": "go-on"}, runbook) == "Way go-on: 1.3. Not taken: roll-back (1.2)"
    assert ways_taken("assess", {"way": "wait"}, runbook).startswith(
        "Way wait: no step of its own. Not taken: roll-back"
    )


def test_mark_with_an_unknown_moment_is_refused(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK.replace("marks: mitigated", "marks: over"), encoding="utf-8")
    with pytest.raises(RunbookErrors, match="This takes detected, acknowledged, mitigated or resolved"):
        load(here / "runbook.yaml")
