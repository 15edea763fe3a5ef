"""Which incidents excuse a change of access: real ones that were open then, and nobody else's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from actions.checks.access_anomaly import CheckAccessAnomaly
from midwatch.api.action import Context
from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from midwatch.system.errors import OutcomeUnknown
from tests.support.clocks import AheadClock
from tests.support.host_world import Heard
from tests.support.users import MALLORY, needs_root

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
locations: {audit: audit.log}
phases: [{title: P, steps: [{title: Look, instructions: x}]}]
"""


@needs_root
@pytest.mark.parametrize("how", ["owner", "mode", "journal"])
def test_change_is_excused_by_an_open_incident_of_this_user_only(here: Path, how: str) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK)
    runbook, console, clock = load(here / "runbook.yaml", environment={}), Heard(), AheadClock()
    edit = "sudo[41]: bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi /etc/postgresql/pg_hba.conf"
    moment = clock.now() - timedelta(minutes=10)
    (here / "audit.log").write_text(f"{moment:%Y-%m-%dT%H:%M:%SZ} bastion {edit}\n")

    def excused() -> bool:
        console.lines.clear()
        try:
            return CheckAccessAnomaly(journal=False).evaluate(Context(runbook, console, AheadClock(), "ada")).ok
        except OutcomeUnknown:  # a log of one line has no history
            return True

    assert not excused()
    clock.ahead = -timedelta(hours=1)
    controller = IncidentController.declare(runbook, actor="ada", clock=clock)
    folder = controller.folder.path
    assert excused()
    shutil.copytree(folder, here / "copy", ignore=shutil.ignore_patterns("*.sock"))
    clock.ahead = -timedelta(minutes=30)
    controller.abandon("a false alarm")
    assert not excused(), "it had ended"
    shutil.rmtree(folder)
    shutil.move(here / "copy", folder)
    assert excused()
    spoil: dict[str, Callable[[], None]] = {
        "owner": lambda: os.chown(folder, MALLORY, MALLORY),
        "journal": lambda: os.chown(folder / "journal.jsonl", MALLORY, MALLORY),
        "mode": lambda: folder.chmod(0o777),
    }
    spoil[how]()
    assert not excused()
    assert any("excuses nothing: " in line for line in console.lines)
    folder.parent.chmod(0o2770)  # its group makes incidents here
    assert excused() is (how != "mode")
