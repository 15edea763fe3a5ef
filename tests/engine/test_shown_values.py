"""Everything that a shell step gets is shown where somebody consents to it, or said to be longer than what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.script_plan import with_whole_values
from midwatch.runbook.loader import load
from tui.cli import main
from tui.plain.plan_text import plan_lines

LONG = "a" * 300 + "end"
RUNBOOK = f"""\
midwatch: 1
title: Constants
severity: SEV-2
phases:
  - title: Work
    steps:
      - id: copy
        title: Copy
        run: cp "$CRT" "$FOLDER/tls.crt"
        env: {{CRT: /srv/new.crt, FOLDER: /etc/tls, LONG: {LONG}}}
        risk: change
"""


def test_constants_and_long_values_are_shown_in_plans(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    assert main(["plan", "runbook.yaml", "copy"]) == 0
    printed = capsys.readouterr().out
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    plan = controller.plan("copy")
    controller.leave()
    for text in (printed, "\n".join(plan_lines(plan))):
        for value in ("$CRT: /srv/new.crt", "$FOLDER: /etc/tls", f"$LONG: {LONG}"):
            assert value in text
    facts = dict(plan.facts)
    assert (facts["$CRT"], facts["$FOLDER"]) == ("/srv/new.crt", "/etc/tls")
    assert facts["$LONG"].endswith("… (303 characters)")
    assert dict(with_whole_values(plan).facts)["$LONG"] == LONG
