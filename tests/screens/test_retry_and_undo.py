"""A step that is tried again by itself, verified and undone, in each of the three front ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import Answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import StepOutcome
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.system.errors import Exit
from tests.support.plain_lines import status, talking
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: renewal
title: Certificates expire
severity: SEV-2
phases:
  - title: Renew
    steps:
      - id: renew
        title: Renew it
        shell: bash -eu
        retry: {times: 2, wait: WAIT, on: 75}
        run: |
          echo try >>tries
          [ "$(wc -l <tries)" -gt 1 ] || exit 75
          echo new >certificate
        undo: rm certificate
        risk: change
        verify:
          - {title: It is the new one, check: command, with: {run: grep new certificate}}
"""


@pytest.fixture
def controller(request: pytest.FixtureRequest, here: Path) -> Iterator[IncidentController]:
    text = RUNBOOK.replace("WAIT", getattr(request, "param", "0.1 s"))
    (here / "runbook.yaml").write_text(text, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    for state in controller.incident.running():
        controller.cancel(state.id)
    controller.leave()


def test_headless_run_prints_each_attempt(controller: IncidentController) -> None:
    said: list[str] = []
    assert headless.run(controller, Answers("answers.yaml"), said.append) is Exit.DONE
    assert "    [midwatch: exit 75; try 2 of 3 begins in 0.1 s]" in said
    assert any("Verified: It is the new one: new. It was try 2 of 3" in line for line in said)


async def test_screen_shows_the_tries_and_undoes_the_step(controller: IncidentController, here: Path) -> None:
    async with opened(controller, (100, 50), sources=[], keymap={"undo": "Z"}) as pilot:
        await until(pilot, lambda: "Enter run 1.1" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "can be undone: press Z" in grid(pilot))
        for fact in ("2 more tries, 0.1 s apart, after exit 75", "bash -eu", "It is the new one"):
            assert fact in grid(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: controller.incident.step("renew").status is StepStatus.DONE)
        await until(pilot, lambda: "Verified: It is the new one: new." in grid(pilot))
        await press(pilot, "Z")
        await until(pilot, lambda: "Why is it undone?" in grid(pilot))
        await press(pilot, *"wrong one", "enter")
        await until(pilot, lambda: "rm certificate" in grid(pilot))
        await press(pilot, "y")
        await until(pilot, lambda: not (here / "certificate").exists())
        await until(pilot, lambda: "to do again: undone by ada@test: wrong one" in grid(pilot))


@pytest.mark.parametrize("controller", ["1 h"], indirect=True)
async def test_wait_for_the_next_try_is_shown_and_stopped_on_the_screen(controller: IncidentController) -> None:
    async with opened(controller, (100, 50), sources=[]) as pilot:
        await until(pilot, lambda: "Enter run 1.1" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "can be undone: press -" in grid(pilot))
        await press(pilot, "y")
        await until(pilot, lambda: "running" in grid(pilot) and "try 2 of 3" in grid(pilot))
        await press(pilot, "x")
        await until(pilot, lambda: "End 1.1 Renew it?" in grid(pilot))
        await press(pilot, "y")
        await until(pilot, lambda: "stopped while it waited for try 2 of 3" in grid(pilot))
    last = controller.incident.step("renew").last
    assert last is not None
    assert last.outcome is StepOutcome.CANCELLED


def test_plain_lines_say_the_tries_and_undo_the_step(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK.replace("WAIT", "0.1 s"), encoding="utf-8")
    with talking(here, "--plain") as talk:
        talk.declare()
        talk.word("")
        talk.until("retry: 2 more tries, 0.1 s apart, after exit 75")
        talk.answer("Run it?", "y")
        talk.until("[midwatch: exit 75; try 2 of 3 begins in 0.1 s]")
        talk.until("Verified: It is the new one: new")
        assert (here / "certificate").exists()
        talk.word("at 1.1")
        talk.word("undo the wrong one")
        talk.until("rm certificate")
        talk.answer("Undo it?", "y")
        talk.until("done")
    assert not (here / "certificate").exists()
    assert status(here, "renew") is StepStatus.TODO
