"""What the targets are used for stands wherever somebody decides or reads about it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from drill.production import build
from midwatch.engine.incident_controller import IncidentController
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.model import Environment
from tui.plain.descriptions import where_lines

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
phases: [{title: One, steps: [{id: work, title: Work, run: "true", risk: change}]}]
"""


@pytest.mark.parametrize(
    ("runbook", "site", "expected"),
    [
        ("", "", Environment.PRODUCTION),
        ("staging", "", Environment.STAGING),
        ("", "rehearsal", Environment.REHEARSAL),
        ("production", "staging", Environment.STAGING),
    ],
)
def test_environment_is_that_of_the_site_then_of_the_runbook_else_production(
    here: Path, runbook: str, site: str, expected: Environment
) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK + (f"environment: {runbook}\n" if runbook else ""))
    (here / "site.yaml").write_text("midwatch-site: 1\n" + (f"environment: {site}\n" if site else ""))
    assert load(here / "runbook.yaml", site=here / "site.yaml").environment is expected


def test_unknown_environment_is_refused_with_the_known_ones(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK + "environment: prod\n")
    with pytest.raises(RunbookErrors, match="production") as refused:
        load(here / "runbook.yaml")
    assert refused.value.place is not None
    assert refused.value.place.line == 6


def test_environment_stands_in_exports_handover_and_plain_lines(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK + "environment: staging\n")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    for export in (timeline, post_mortem):
        assert "| Environment | STAGING |" in export(controller.runbook, controller.events, controller.folder)
    summary = as_lines(handoff_summary(controller.runbook, controller.incident, controller.clock, None))
    assert summary[:2] == ["Environment", "  STAGING"]
    assert next(where_lines(controller, controller.clock.now())).startswith("STAGING. SEV-2 A small incident")
    controller.leave()


@pytest.mark.postgres
def test_drill_has_the_environment_rehearsal() -> None:
    built = build("password-only", linger=0)
    try:
        assert yaml.safe_load(built.site.read_text())["environment"] == "rehearsal"
        assert load(built.runbook, site=built.site).environment is Environment.REHEARSAL
    finally:
        built.tear_down()
