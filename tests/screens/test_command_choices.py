"""The choices that a command prints, in the form of a manual step."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
title: A host is down
severity: SEV-2
phases:
  - title: Find
    steps:
      - id: pick
        title: Pick the host
        questions: [{name: host, prompt: Which host?, kind: choice, options: {command: cat hosts}}]
"""


async def test_form_offers_what_the_command_prints_and_takes_a_line_when_it_fails(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    async with opened(controller, (100, 30), sources=[]) as pilot:
        await until(pilot, lambda: "Enter mark 1.1 done" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "Type the answer." in grid(pilot))
        await press(pilot, "escape")
        (here / "hosts").write_text("web1\nweb2\n")
        await until(pilot, lambda: "Enter mark 1.1 done" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "web1" in grid(pilot) and "web2" in grid(pilot))
        await press(pilot, "right", "enter", "enter")
        await until(pilot, lambda: controller.incident.value("pick", "host") is not None)
    assert controller.incident.value("pick", "host") == "web1"
    controller.leave()
