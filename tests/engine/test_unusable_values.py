"""Lines of `$STEP_OUTPUT` that cannot be used are named at the step; a step that needs such a value says what is
missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from midwatch.system.errors import Exit, Refused
from tui.plain.descriptions import history_lines

RUNBOOK = """\
midwatch: 1
title: Values
severity: SEV-2
phases:
  - title: Work
    steps:
      - id: bad
        title: Report badly
        run: |
          echo "path: /srv/x" >> "$STEP_OUTPUT"
          printf 'note<<EOF\\ntext\\nEOF\\n' >> "$STEP_OUTPUT"
        outputs: [path]
        risk: observe
      - {id: after, title: Use it, run: 'echo "$P"', env: {P: {from: bad.path}}, risk: observe}
"""


def test_unusable_lines_are_named_in_every_front_end_and_export(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "answers.yaml").write_text("actor: ada@test\n", encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    controller = IncidentController.declare(runbook, actor="ada@test")
    said: list[str] = []
    assert headless.run(controller, load_answers(here / "answers.yaml", runbook), said.append) is Exit.FAILED
    bad = controller.runbook.step("bad")
    unusable = "Not used of $STEP_OUTPUT: line 1 is not key=value: 'path: /srv/x'; line 2 is not key=value: 'note<<EOF'"
    last = controller.incident.step("bad").last
    assert last is not None
    shown = [
        last.summary,  # as the screen has it
        "\n".join(said),
        "\n".join(history_lines(bad, controller.incident)),
        timeline(controller.runbook, controller.events, controller.folder).replace("\\", ""),
    ]
    for text in shown:
        assert unusable in text
    with pytest.raises(Refused, match=r"P comes from bad\.path, which is not known yet"):
        controller.plan("after")
    controller.mark_done("bad", note="by another terminal")
    with pytest.raises(Refused, match=r"P comes from bad\.path: bad is done and did not report it") as refused:
        controller.plan("after")
    assert "Do step bad first" not in str(refused.value)
    controller.leave()
