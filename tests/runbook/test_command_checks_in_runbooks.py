"""Checks and panels by command in a runbook: what the loader takes, and what it says of a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.model import Runbook

FRAME = """\
midwatch: 1
title: Certificates expire
severity: SEV-2
{top}
phases:
  - title: Work
    steps:
      - {{id: ask, title: Ask, questions: [{{name: host, prompt: Which host?}}]}}
      - {{id: look, title: Look, run: echo, risk: observe{step}}}
"""


def loaded(folder: Path, *, top: str = "", step: str = "") -> Runbook:
    (folder / "r.yaml").write_text(FRAME.format(top=top, step=step), encoding="utf-8")
    return load(folder / "r.yaml", environment={})


def fault(folder: Path, *, top: str = "", step: str = "") -> str:
    with pytest.raises(RunbookErrors) as caught:
        loaded(folder, top=top, step=step)
    return str(caught.value).replace(f"{folder}/", "")


def test_panels_of_one_probe_are_told_apart_by_their_names(tmp_path: Path) -> None:
    panels = "panels: {up: {probe: command, run: echo, title: Up, every: 1 min}, command: {run: echo}, disk: {}}"
    found = loaded(tmp_path, top=panels).panels
    assert [(panel.name, panel.probe, panel.title, panel.every) for panel in found] == [
        ("up", "command", "Up", 60.0),
        ("command", "command", "", 0.0),
        ("disk", "disk", "", 0.0),
    ]
    assert dict(found[0].with_) == {"run": "echo"}


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ("up: {run: echo}", "r.yaml:4:10: There is no probe 'up'"),
        ("up: {probe: comand, run: echo}", "r.yaml:4:22: There is no probe 'comand'. Did you mean 'command'?"),
        ("up: {probe: command}", "The parameter 'run' is missing"),
        ("up: {probe: command, run: echo, every: often}", "'often' is not a length of time"),
        ("up: {probe: command, run: echo, timeout: 5 min}", "from more than nothing to 2 min"),
        ("up: {probe: command, run: {from: ask.host}}", "A panel's parameter cannot come from a step"),
    ],
)
def test_a_fault_of_a_panel_is_said_with_its_place(tmp_path: Path, panel: str, said: str) -> None:
    assert said in fault(tmp_path, top=f"panels: {{{panel}}}")
