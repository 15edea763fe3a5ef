"""Panels by command: names, titles and intervals of their own; shown, plotted, and recorded by `measure`."""

from __future__ import annotations

from pathlib import Path

from midwatch.api.probe import Level
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.reports.metric_changes import metric_changes
from midwatch.runbook.model import Runbook
from midwatch.system.clock import SystemClock
from screens.widgets.panels.panel_detail import panel_detail_lines
from screens.widgets.panels.panel_lines import block_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.styles import TextStyles
from tests.support.steps import ended
from tui.app.app import panel_sources

RUNBOOK = """\
midwatch: 1
title: The queue is full
severity: SEV-2
panels:
  command: {run: echo up}
  queue:
    probe: command
    title: Jobs in the queue
    every: 10 s
    run: |
      jobs=$(cat jobs)
      echo "$jobs jobs wait | jobs=$jobs;20;50;0"
      [ "$jobs" -lt 20 ]
phases:
  - title: Work
    steps:
      - {id: drain, title: Drain it, run: echo 3 >jobs, risk: change, measure: [queue]}
"""


def test_panel_has_a_title_an_interval_and_a_curve(runbook: Runbook, here: Path) -> None:
    other, source = panel_sources(runbook, SystemClock())
    assert (other.name, other.title, other.every) == ("command", "Command", 30.0)
    assert (source.name, source.title, source.every) == ("queue", "Jobs in the queue", 10.0)
    panel = PanelState(source.name, source.title, source.every)
    for jobs in (5, 60, 10):
        (here / "jobs").write_text(str(jobs))
        reading = source.read()
        assert (reading.probe, reading.rows[0].number) == ("queue", jobs)
        panel = panel.taking(reading)
    assert reading.level is Level.OK
    styles = TextStyles()
    block = "\n".join(line.plain for line in block_lines(panel, reading.at, 60, styles))
    assert "Jobs in the queue" in block
    assert "10 jobs wait" in block
    page = "\n".join(line.plain for line in panel_detail_lines(panel, reading.at, 80, styles))
    assert "outside 0 to 20" in page
    assert "┤" in page, "the plot has a scale"


def test_measure_records_the_figures_of_a_command_before_and_after(controller: IncidentController, here: Path) -> None:
    (here / "jobs").write_text("70")
    controller.start("drain", controller.plan("drain"))
    assert ended(controller, "drain") is StepStatus.DONE
    last = controller.incident.step("drain").last
    assert last is not None
    assert metric_changes(last) == ["queue jobs 70 → 3"]
    assert last.before["queue"].level is Level.WARN


def test_panel_by_command_that_breaks_says_so(controller: IncidentController, here: Path) -> None:
    source = panel_sources(controller.runbook, SystemClock())[1]
    (row,) = source.read().rows
    assert row.level is Level.WARN, "cat fails with 1, which a plug-in's author means as a warning"
    assert "No such file" in row.text
