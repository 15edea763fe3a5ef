"""The screen before an incident: severity and people chosen, nothing declared by leaving it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from midwatch.conductor import Conductor
from midwatch.incident.shelf import Summary
from midwatch.runbook import loader
from midwatch.runbook.model import Runbook, Severity
from tests.screens.conftest import press, rest
from tests.screens.desk import RUNBOOK_FILE
from tui.declare_app import DeclareApp

EARLIER = [
    Summary("INC-20261120-0210-backup-failure", "Backup failure, PROD", "SEV-1", closed=datetime(2026, 11, 20, tzinfo=UTC)),
    Summary("INC-20261101-0300-backup-failure", problem="its journal does not begin with a declaration"),
]


@pytest.fixture
def runbook() -> Runbook:
    with patch.object(loader, "check_arguments"):
        return loader.load(RUNBOOK_FILE, environment={})


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
async def test_declare(runbook: Runbook, golden, size: tuple[int, int], first: bool) -> None:
    app = DeclareApp(runbook, [] if first else EARLIER, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=size) as pilot:
        await rest(pilot)  # type: ignore[arg-type]
        golden(pilot, f"declare-{'first' if first else 'later'}-{size[0]}x{size[1]}")


async def test_severity_and_people_are_chosen(runbook: Runbook) -> None:
    app = DeclareApp(runbook, EARLIER, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "up", "tab", *"Tech Lead: Grace", "ctrl+s")  # type: ignore[arg-type]
    assert app.return_value is not None
    assert (app.return_value.severity, app.return_value.people) == (Severity.SEV0, "Tech Lead: Grace")


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_leaving_declares_nothing(runbook: Runbook, key: str) -> None:
    app = DeclareApp(runbook, EARLIER, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await pilot.pause()
    assert app.return_value is None


def test_an_incident_is_as_severe_as_it_was_declared(here: Path) -> None:
    text = "midwatch: 1\nid: x\ntitle: X\nseverity: SEV-2\nphases: [{title: A, steps: [{id: a, title: A}]}]\n"
    (here / "runbook.yaml").write_text(text, encoding="utf-8")
    conductor = Conductor.declare(loader.load(here / "runbook.yaml"), actor="ada", severity=Severity.SEV0)
    assert conductor.incident.severity is Severity.SEV0
    conductor.leave()
