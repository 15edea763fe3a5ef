"""Values in texts, in every front end and export: shown once they are known, and never read as anything but text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.incident_files import reopen
from midwatch.incident.step_status import StepStatus
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from midwatch.system.errors import Exit
from screens.widgets.markdown_text import markdown_lines
from screens.widgets.styles import TextStyles
from tests.support.line_operator import Operator
from tests.support.screen_pilot import grid, opened, press, until
from tests.support.steps import ended
from tui.plain.session import Session

pytestmark = pytest.mark.slow

HOSTILE = "*A* `1`"
RUNBOOK = """\
midwatch: 1
id: texts
title: Texts
severity: SEV-2
inputs: [{name: ticket, prompt: Ticket?, required: false}]
phases:
  - title: Renew
    steps:
      - id: renew
        title: Renew it
        run: printf 'serial=*A* `1`\\n' >> "$STEP_OUTPUT"; [ ! -e fail ]
        outputs: [serial]
        risk: observe
  - id: after
    title: After {{ renew.serial }}
    intro: Everything about {{ renew.serial }}.
    steps:
      - id: check
        title: Check {{ renew.serial }} of {{ inputs.ticket }}
        why: "{{ renew.serial }} is new."
        instructions: |
          Look for **`{{ renew.serial }}`**, that is {{renew.serial}}.
        expect: "{{ renew.serial }} everywhere"
        questions: [{name: seen, prompt: "Is {{ renew.serial }} seen?", kind: yes-no}]
      - id: fail
        title: Serve {{ renew.serial }}
        run: "false"
        risk: observe
        preconditions: [{id: room, title: "Room for {{ renew.serial }}", check: disk, with: {path: ., below: 100 %}}]
        on_failure: {advice: "Put {{ renew.serial }} back."}
closure:
  - {id: end, title: "{{ renew.serial }} is served", check: disk, with: {path: ., below: 100 %}}
"""


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test", inputs={"ticket": "OPS-1"})
    yield controller
    controller.leave()


async def test_values_are_shown_on_the_screen_once_they_are_known(controller: IncidentController) -> None:
    async with opened(controller, sources=[], size=(120, 40)) as pilot:
        assert "Check <renew.serial> of OPS-1" in grid(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: f"2.1 Check {HOSTILE} of OPS-1" in grid(pilot))
        await until(pilot, lambda: f"Look for {HOSTILE}, that is {HOSTILE}." in grid(pilot))
        shown = grid(pilot)
        assert f"{HOSTILE} is new." in shown
        assert f"{HOSTILE} everywhere" in shown
        await press(pilot, "enter")
        await until(pilot, lambda: f"Is {HOSTILE} seen?" in grid(pilot))


def test_values_are_shown_in_plain_lines(controller: IncidentController) -> None:
    controller.start("renew", controller.plan("renew"))
    assert ended(controller, "renew") is StepStatus.DONE
    operator = Operator(["view check"])
    Session(controller, operator).run()
    said = "\n".join(operator.said)
    assert f"2.1 Check {HOSTILE} of OPS-1" in said
    assert f"What to do: Look for **`{HOSTILE}`**, that is {HOSTILE}." in said
    assert f"Expected: {HOSTILE} everywhere" in said


def test_values_are_shown_headless_and_in_the_exports(controller: IncidentController, here: Path) -> None:
    (here / "answers.yaml").write_text("manual: {check: {values: {seen: yes}}}\n", encoding="utf-8")
    said: list[str] = []
    answers = load_answers(here / "answers.yaml", controller.runbook)
    assert headless.run(controller, answers, said.append) is Exit.FAILED
    text = "\n".join(said)
    assert f"2.1 Check {HOSTILE} of OPS-1" in text
    assert f"Put {HOSTILE} back." in text
    copies, events = reopen(controller.folder)
    for document in (timeline, post_mortem):
        written = document(copies, events, controller.folder)
        assert r"Serve \*A\* \`1\`" in written
        assert "{{" not in written


def test_value_in_instructions_is_never_markdown() -> None:
    shown = [
        line.plain
        for line in markdown_lines("See {{ a.b }}:\n\n```\n{{ a.b }}\n```", 40, TextStyles(), {"a.b": "[x](y) # *z*"})
    ]
    assert shown == ["See [x](y) # *z*:", "", "│ [x](y) # *z*"]
