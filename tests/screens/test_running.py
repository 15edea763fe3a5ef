"""Running a step beyond the plain way: what it requires, taking it back, looking it up, beginning further down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from tests.support.lost_freeze import lose_the_freeze
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow

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
        preconditions:
          - {title: The freeze is on, check: freeze-status}
"""


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


def status(controller: IncidentController, step: str) -> StepStatus:
    return controller.incident.status(controller.runbook.step(step))


async def test_unmet_precondition_is_shown_and_asks_for_a_reason(controller: IncidentController, here: Path) -> None:
    controller.skip("freeze", "somebody froze it")
    controller.mark_done("talk")
    async with opened(controller, sources=[]) as pilot:
        await until(pilot, lambda: "does not hold" in grid(pilot))
        shown = grid(pilot)
        assert "✗ The freeze is on" in shown
        assert "Enter run 1.3, with a reason" in shown
        await press(pilot, "enter", *"night", "enter")
        assert "What it will do" in grid(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: status(controller, "work") is StepStatus.DONE)
    last = controller.incident.step("work").last
    assert last is not None
    assert len(last.unmet) == 1
    assert (here / "ran").exists()


async def test_step_is_undone_with_a_reason_and_consent(controller: IncidentController, here: Path) -> None:
    async with opened(controller, (80, 36), sources=[]) as pilot:
        await until(pilot, lambda: "can be undone afterwards" in grid(pilot))
        await press(pilot, "enter")
        assert "can be undone: press -" in grid(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: status(controller, "freeze") is StepStatus.DONE)
        assert (here / "freeze.json").exists()
        await press(pilot, "home", "down")
        assert "- undo" in grid(pilot)
        await press(pilot, "minus", *"wrong one", "enter")
        assert "Undo 1.1 Freeze deployments" in grid(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: not (here / "freeze.json").exists() and not controller.incident.running())
        assert status(controller, "freeze") is StepStatus.TODO
        await until(pilot, lambda: "to do again: undone" in grid(pilot))


async def test_step_of_unknown_outcome_is_checked(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_freeze(controller, here, monkeypatch)
    async with opened(controller, sources=[]) as pilot:
        await until(pilot, lambda: "Enter check the outcome of 1.1" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: status(controller, "freeze") is StepStatus.FAILED)
        await until(pilot, lambda: "1.1: it did not take effect" in grid(pilot))


async def test_run_may_start_from_any_step(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "end", "b")
        assert "2 steps before it are skipped" in grid(pilot)
        await press(pilot, "x", "enter")
        await until(pilot, lambda: "a reason has more than one letter" in grid(pilot))
        await press(pilot, "backspace", *"day shift did it", "enter")
        assert [status(controller, name) for name in ("freeze", "talk")] == [StepStatus.SKIPPED, StepStatus.SKIPPED]
        await until(pilot, lambda: "▶ □ 1.3 Do the work" in grid(pilot))


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_start_from_a_step_names_the_steps_that_it_skips_risky_ones_first(
    session: IncidentController, size: tuple[int, int]
) -> None:
    async with opened(session, size, sources=[]) as pilot:
        await press(pilot, "slash", *"old backups", "enter", "b")
        await until(pilot, lambda: "Start from 6.2 Clean up old backups" in grid(pilot))
        found = [
            grid(pilot).index(word) for word in ("destroy 6.1 Clean up Docker", "change  3.8 Emergency", "Why from")
        ]
        assert found == sorted(found)
        assert "PRODUCTION · destroy" in grid(pilot)


async def test_journal_failover_is_shown_at_once(session: IncidentController) -> None:
    async with opened(session, size=(120, 30)) as pilot:
        session.session.append(
            EventKind.RESERVE_RELEASED,
            {"space": 262144, "files": 0, "left": 1835008, "reason": "No space left on device"},
        )
        await until(pilot, lambda: "The incident's disk is full (No space left on device)" in grid(pilot))
        moved = {"to": "/var/tmp/j.jsonl", "host": "bastion", "reason": "its reserve is used up", "in_memory": False}
        session.session.append(EventKind.JOURNAL_FAILED_OVER, moved)
        await until(pilot, lambda: "The journal goes on in /var/tmp/j.jsonl: its reserve is used up" in grid(pilot))
        assert "✗ journal elsewhere" in grid(pilot).splitlines()[0]
        session.session.append(EventKind.JOURNAL_FAILED_BACK, {"files": ["/var/tmp/j.jsonl"], "events": 3})
        await until(pilot, lambda: "The journal is whole on its own disk again: 3 events came back" in grid(pilot))
        assert "journal elsewhere" not in grid(pilot)
