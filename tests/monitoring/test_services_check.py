"""The check `services` on a server without a container: its states, and how long the answer takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from actions.checks.services import CheckServices
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.runbook.targets import Dependent
from midwatch.system.errors import OutcomeUnknown
from tests.support.clocks import AheadClock
from tests.support.host_world import Heard, MakeRunbook
from tests.support.postgres import Server

pytestmark = pytest.mark.postgres


def test_service_is_judged_by_its_answer_its_time_and_its_dependents(
    primary: Server, make_runbook: MakeRunbook, tmp_path: Path
) -> None:
    good = primary.target(user="monitor")
    lost = replace(good, name="lost", label="LOST", port=1)
    locked = replace(good, name="locked", label="LOCKED", dependents=(Dependent("API", tcp="127.0.0.1:1"),))
    runbook = make_runbook(targets={good.name: good})
    runbook = replace(runbook, locations={**runbook.locations, "pgpass": str(tmp_path / "pgpass")})
    context = Context(runbook, Heard(), AheadClock(), "ada")
    fine = CheckServices().evaluate(context)
    assert (fine.state, fine.summary.startswith("ARP ok, PostgreSQL ")) == (Level.OK, True)
    (answer,) = fine.figures
    assert (answer.label, answer.unit, 0 < answer.value < 60) == ("ARP answers in", "s", True)
    slow = CheckServices(warning="0").evaluate(context)
    assert (slow.state, slow.summary.startswith("ARP answers in ")) == (Level.WARN, True)
    out = CheckServices(targets=(good, lost, locked)).evaluate(context)
    assert out.state is Level.CRITICAL
    assert "LOST cannot be reached" in out.summary
    assert "LOCKED: API does not get in (127.0.0.1:1 takes no connection" in out.summary
    with pytest.raises(OutcomeUnknown, match="names no targets"):
        CheckServices().evaluate(replace(context, runbook=replace(runbook, targets={})))
