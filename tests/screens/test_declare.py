"""The screen before an incident: severity and people chosen, nothing declared by leaving it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
from textual.widgets import Input

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import Summary
from midwatch.runbook import argument_checks, loader
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from tests.support.reference_incident import RUNBOOK_FILE
from tests.support.screen_pilot import grid, press, rest
from tui.app.declare_app import DeclareApp

pytestmark = pytest.mark.slow

EARLIER = [
    Summary(
        "INC-20261120-0210-backup-failure",
        "Backup failure, PROD",
        "SEV-1",
        closed=datetime(2026, 11, 20, tzinfo=UTC),
        state="closed",
    ),
    Summary("INC-20261101-0300-backup-failure", problem="its journal does not begin with a declaration"),
]


@pytest.fixture
def runbook() -> Runbook:
    with patch.object(argument_checks, "check_arguments"):
        return loader.load(RUNBOOK_FILE, environment={})


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
async def test_declare_screen_is_the_golden(runbook: Runbook, golden, size: tuple[int, int], first: bool) -> None:
    app = DeclareApp(runbook, [] if first else EARLIER, {}, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=size) as pilot:
        await rest(pilot)  # type: ignore[arg-type]
        golden(pilot, f"declare-{'first' if first else 'later'}-{size[0]}x{size[1]}")


async def test_severity_and_people_are_chosen(runbook: Runbook) -> None:
    seen = [f"{EARLIER[0].id}, 3 days ago, SEV-1, lasted 2 h; fixed by: room; 1 follow-up action open: Watch it"]
    app = DeclareApp(runbook, EARLIER, {}, environment={"TERM": "xterm-256color"}, seen=seen)
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)  # type: ignore[arg-type]
        shown = " ".join(grid(pilot).split())  # type: ignore[arg-type]
        assert f"Before it {seen[0]} {EARLIER[1].id}, unknown, damaged" in shown
        await press(pilot, "up", "tab", "tab", *"Eve", "ctrl+s")  # type: ignore[arg-type]
    assert app.return_value is not None
    assert (app.return_value.severity, app.return_value.people) == (Severity.SEV0, "Eve")


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_leaving_the_declare_screen_declares_nothing(runbook: Runbook, key: str) -> None:
    app = DeclareApp(runbook, EARLIER, {}, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await pilot.pause()
    assert app.return_value is None


ASKING = """\
midwatch: 1
id: x
title: Backup failure, PROD
severity: SEV-2
roles: {lead: {name: Tech Lead}}
inputs:
  - {name: ticket, prompt: Which ticket or page is it?, required: false, default: OPS-}
  - {name: seen, prompt: What was seen first?, kind: text}
  - {name: worst, prompt: Which database is worst?, kind: choice, options: [OTC, GPS, ARP], default: ARP}
  - {name: hurt, prompt: Are users hurt?, kind: yes-no}
phases: [{title: A, steps: [{title: a}]}]
"""


@pytest.fixture
def asking(here: Path) -> Runbook:
    (here / "runbook.yaml").write_text(ASKING, encoding="utf-8")
    return loader.load(here / "runbook.yaml")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
async def test_inputs_of_the_runbook_stand_first(asking: Runbook, golden, size: tuple[int, int]) -> None:
    app = DeclareApp(asking, EARLIER, {}, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=size) as pilot:
        await rest(pilot)  # type: ignore[arg-type]
        golden(pilot, f"declare-inputs-{size[0]}x{size[1]}")


async def test_field_is_seen_without_colours(asking: Runbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = DeclareApp(asking, [], {}, ascii=True, environment={"TERM": "linux", "NO_COLOR": "1"})
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)  # type: ignore[arg-type]
        shown = grid(pilot).splitlines()  # type: ignore[arg-type]
    place = next(number for number, line in enumerate(shown) if "What was seen first?" in line)
    assert [line[1:2] for line in shown[place + 1 : place + 6]] == ["|"] * 4 + [""]
    assert any(line.startswith(" |OPS-") for line in shown)


async def test_declare_screen_is_filled_in_from_field_to_field(asking: Runbook) -> None:
    app = DeclareApp(asking, EARLIER, {"worst": "GPS"}, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "enter", *"red", "enter", *"go", "tab", "n", "tab")  # type: ignore[arg-type]
        await press(pilot, *"4711", "tab", "left", "tab", *"Eve", "enter")  # type: ignore[arg-type]
    found = app.return_value
    assert found is not None
    assert found.inputs == {"ticket": "OPS-4711", "seen": "red\ngo", "worst": "OTC", "hurt": "no"}
    assert (found.severity, found.people) == (Severity.SEV2, "Eve")


async def test_required_one_is_missed_and_nothing_typed_is_lost(asking: Runbook, golden) -> None:
    app = DeclareApp(asking, EARLIER, {}, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "tab", "tab", "tab", *"4711", "ctrl+s")  # type: ignore[arg-type]
        golden(pilot, "declare-missing-80x24")
        assert app.return_value is None
        await press(pilot, *"fog", "ctrl+s")  # type: ignore[arg-type]
        assert "Are users hurt: an answer is needed" in grid(pilot)  # type: ignore[arg-type]
        await press(pilot, "y", "ctrl+s")  # type: ignore[arg-type]
    assert app.return_value is not None
    assert app.return_value.inputs == {"ticket": "OPS-4711", "seen": "fog", "worst": "ARP", "hurt": "yes"}


async def test_hostile_text_is_shown_safely(asking: Runbook) -> None:
    given = {"ticket": "\x1b]52;c;aGk=\x07[/red]\x1b[2J", "seen": "x" * 20_000, "hurt": "no"}
    app = DeclareApp(asking, EARLIER, given, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        pilot.app.screen.query_one("#field-ticket").scroll_visible(animate=False)
        await rest(pilot)  # type: ignore[arg-type]
        assert "[/red]" in grid(pilot)  # type: ignore[arg-type]
        assert "\x1b" not in grid(pilot)  # type: ignore[arg-type]
        pilot.app.screen.query_one("#field-ticket", Input).value = "\0"
        await press(pilot, "ctrl+s")  # type: ignore[arg-type]
        assert "takes text without control characters" in grid(pilot)  # type: ignore[arg-type]
        pilot.app.screen.query_one("#field-ticket", Input).value = "OPS-1"
        await press(pilot, "ctrl+s")  # type: ignore[arg-type]
        assert "The inputs take 20.1 kB, and the journal holds 16.0 kB" in grid(pilot)  # type: ignore[arg-type]
        assert app.return_value is None


async def test_choice_that_may_stay_open_can_be_left_again(asking: Runbook, here: Path) -> None:
    (here / "runbook.yaml").write_text(ASKING.replace("default: ARP", "required: false"), encoding="utf-8")
    app = DeclareApp(
        loader.load(here / "runbook.yaml"), [], {"seen": "x", "hurt": "no"}, environment={"TERM": "xterm-256color"}
    )
    async with app.run_test(size=(80, 24)) as pilot:
        assert "(*) none of these" in grid(pilot)  # type: ignore[arg-type]
        pilot.app.screen.query_one("#field-worst").focus()
        await press(pilot, "right", "left", "ctrl+s")  # type: ignore[arg-type]
    assert app.return_value is not None
    assert "worst" not in app.return_value.inputs


def test_incident_is_as_severe_as_it_was_declared(here: Path) -> None:
    text = "midwatch: 1\nid: x\ntitle: X\nseverity: SEV-2\nphases: [{title: A, steps: [{id: a, title: A}]}]\n"
    (here / "runbook.yaml").write_text(text, encoding="utf-8")
    controller = IncidentController.declare(loader.load(here / "runbook.yaml"), actor="ada", severity=Severity.SEV0)
    assert controller.incident.severity is Severity.SEV0
    controller.leave()


async def test_enter_goes_to_what_is_missing_and_declares_once_nothing_is(asking: Runbook) -> None:
    app = DeclareApp(asking, EARLIER, {}, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        box = app.screen.query_one("#box").region
        assert (box.x, box.y, box.height) == (0, 0, 24)  # a screen, not a box
        await press(pilot, "enter", *"fog", "tab", "y", "enter")  # type: ignore[arg-type]
    assert app.return_value is not None
    assert app.return_value.inputs["seen"] == "fog"


async def test_what_was_filled_in_is_not_lost_by_one_escape(asking: Runbook) -> None:
    app = DeclareApp(asking, EARLIER, {}, environment={"TERM": "xterm-256color"})
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "enter", *"fog", "escape")  # type: ignore[arg-type]
        assert "Esc once more leaves" in grid(pilot)  # type: ignore[arg-type]
        assert "fog" in grid(pilot)  # type: ignore[arg-type]
        await pilot.press("escape")
        await pilot.pause()
    assert app.return_value is None
