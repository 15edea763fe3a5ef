"""A secret that a person types: on the screen, in plain lines, and never headless; what is typed is shown nowhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from tests.support.plain_lines import Talk
from tests.support.program import midwatch_text
from tests.support.pty_child import end_child
from tests.support.screen_pilot import grid, opened, press, rest, until
from tests.support.steps import ended

RUNBOOK = """\
midwatch: 1
id: asked
title: A secret is asked for
severity: SEV-3
phases:
  - title: All of it
    steps:
      - id: use
        title: Use it
        risk: change
        run: sha256sum < "$API_TOKEN" | cut -d' ' -f1 > hash; cat "$API_TOKEN"
        secrets: {API_TOKEN: {prompt: true}}
"""
VALUE = "correct horse-battery"
HASH = hashlib.sha256(VALUE.encode()).hexdigest()


def everything_in(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
async def test_screen_asks_unseen_before_the_consent(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    async with opened(controller) as pilot:
        await press(pilot, "enter")
        await until(pilot, lambda: "Secrets for 1.1" in grid(pilot))
        await press(pilot, *["space" if letter == " " else letter for letter in VALUE])
        await rest(pilot)
        assert VALUE not in grid(pilot)
        assert "•" * len(VALUE) in grid(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: "API_TOKEN: asked when the step starts" in " ".join(grid(pilot).split()))
        await press(pilot, "y")
        await until(pilot, lambda: controller.incident.step("use").last is not None)
    assert ended(controller, "use") is StepStatus.DONE
    controller.leave()
    assert (here / "hash").read_text() == f"{HASH}\n"
    assert VALUE not in everything_in(here)


@pytest.mark.slow
def test_plain_lines_ask_without_echo(here: Path) -> None:
    talk = Talk(here, "--plain", "runbook.yaml", runbook=RUNBOOK)
    try:
        talk.declare()
        talk.word("")
        talk.answer("The secret API_TOKEN", VALUE)
        talk.answer("Run it?", "y")
        talk.until("1.1 Use it: done")
        talk.word("q")
    finally:
        end_child(talk.child)
    assert (here / "hash").read_text() == f"{HASH}\n"
    assert VALUE not in everything_in(here)
    assert VALUE.encode() not in talk.said
    assert b"[secret API_TOKEN]" in talk.said


def test_headless_refuses_before_anything_is_declared(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "answers.yaml").write_text("actor: ada@test\n", encoding="utf-8")
    ran = midwatch_text("run", "runbook.yaml", "--headless", "--answers", "answers.yaml", cwd=here)
    assert ran.returncode == 2
    assert "Step use asks a person for the secret API_TOKEN, and nobody is there" in ran.stderr
    assert not (here / "logs").exists()
