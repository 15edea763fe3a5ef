"""`midwatch plan` says all that a step takes: what it touches, what comes first, when it is needed, what is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.program import midwatch_text as midwatch

RUNBOOK = """\
midwatch: 1
title: Small
severity: SEV-2
phases:
  - title: Work
    steps:
      - {id: look, title: Look, run: 'echo ok=1 >> "$STEP_OUTPUT"', risk: observe, outputs: [ok]}
      - id: fix
        title: Fix it
        run: |
          echo "$V"
          echo more
        env: {V: {from: look.ok}, W: plain}
        undo: echo less
        retry: {times: 1, wait: 5 s}
        run_as: nobody
        verify: [{title: Fixed, check: command, with: {run: test -e fixed}}]
        risk: change
        depends_on: look
        preconditions: [{title: Room, check: disk, with: {path: /, below: 99 %}}]
      - id: purge
        title: Purge
        run: rm -f x
        risk: destroy
        confirm: loghost1
        requires_approval: true
        when: {any: [{answer: look.ok, above: 2}, {all: [{failed: fix}, {not: {answer: look.ok, is: present}}]}]}
"""


@pytest.fixture(autouse=True)
def runbook(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")


def test_plan_of_a_step_that_cannot_be_planned_yet_shows_its_script_and_its_requirements(here: Path) -> None:
    assert [line.strip() for line in midwatch("plan", "runbook.yaml", "fix", cwd=here).stdout.splitlines()] == [
        "1.2 Fix it (change)",
        "cannot be planned now: V comes from look.ok, which is not known yet. Do step look first.",
        'command: echo "$V"',
        "echo more",
        "$V: from look.ok",
        "$W: plain",
        "run as: nobody",
        "retry: 1 more try, 5 s apart, after any exit that does not count as done",
        "undo: echo less",
        "verifies: Fixed",
        "Fixed runs: test -e fixed",
        "needs first: 1.1 Look",
        "requires: Room",
    ]


def test_plan_of_a_destroy_step_says_when_it_is_needed_who_approves_and_what_is_typed(here: Path) -> None:
    lines = [line.strip() for line in midwatch("plan", "runbook.yaml", "purge", cwd=here).stdout.splitlines()]
    assert lines[-3:] == [
        "needed when: look.ok is above 2 or (fix is failed and not (look.ok is present))",
        "approval: a second person, from a login of their own",
        "type to confirm: loghost1",
    ]
    assert "command: rm -f x" in lines


def test_plan_as_json_has_the_requirements(here: Path) -> None:
    (printed,) = json.loads(midwatch("plan", "runbook.yaml", "--json", "purge", cwd=here).stdout)["steps"]
    assert printed["requires"][-1] == "type to confirm: loghost1"
    assert printed["plan"]["action"]
