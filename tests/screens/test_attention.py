"""What calls an operator who does not look, what tells them afterwards, and what they can take along."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from textual import events

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.system.actor import current_actor, login
from screens.incident import absence
from screens.incident import alarms as module
from screens.incident.alarms import Alarms
from screens.widgets.held_keys import HeldKeys
from tests.support.clocks import AheadClock
from tests.support.night import Night
from tests.support.screen_pilot import Pilots, grid, opened, press, rest, until
from tests.support.small_incident import RUNBOOK
from tests.support.steps import ended
from tests.support.waiting import wait_for
from tui.app.settings import Settings, settings_file, write_settings

pytestmark = pytest.mark.slow


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    controller.mark_done("asked", values={"owner": "ada", "bad": "no"})
    yield controller
    controller.leave()


def calls(pilot: Pilots, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Bells and titles, as they are sent."""
    found: list[str] = []
    monkeypatch.setattr(pilot.app, "bell", lambda: found.append("bell"))
    monkeypatch.setattr(pilot.app, "show_title", found.append)
    return found


async def press_at(pilot: Pilots, night: Night, key: str) -> None:
    """Press a key at the time of this clock."""
    night.at += 2
    event = events.Key(key, key if len(key) == 1 else None)
    event.time = night.at
    pilot.app.post_message(event)
    await rest(pilot)


async def test_resume_tells_what_failed_and_was_said_and_is_due(controller: IncidentController, here: Path) -> None:
    (here / "fail").touch()
    controller.start("look", controller.plan("look"))
    assert ended(controller, "look") is StepStatus.DONE
    controller.start("work", controller.plan("work"))
    controller.leave()
    folder = controller.folder
    bob = IncidentController.observe(folder, actor="bob@test")
    bob.take_control("ada sleeps, nobody drives")
    bob.note("the disk is full")
    assert ended(bob, "work") is StepStatus.FAILED
    bob.leave()
    again = IncidentController.observe(folder, actor="ada@test")
    again.take_control("back from sleep at six")
    async with opened(again, (120, 24), sources=[]) as pilot:
        assert "You looked away since" in grid(pilot)
        assert "1 failed" in grid(pilot)
        await press(pilot, "E")
        shown = grid(pilot)
        assert "2.1 Do the work: failed" in shown
        assert "bob: Note: the disk is full" in shown
        assert "Notify The boss" in shown
        await press(pilot, "escape")
    again.leave()


async def test_ten_idle_minutes_are_an_absence_and_a_key_ends_it(controller: IncidentController) -> None:
    night = Night()
    async with opened(controller, (120, 24), sources=[], held_keys=HeldKeys(night)) as pilot:
        controller.note("before")
        await press_at(pilot, night, "up")
        assert "looked away" not in grid(pilot)
        night.at += 601
        await rest(pilot)
        controller.note("meanwhile")
        await rest(pilot)
        assert "looked away since" in grid(pilot)
        assert "1 said" in grid(pilot)
        await press_at(pilot, night, "E")
        assert "meanwhile" in grid(pilot)
        assert "before" not in grid(pilot)
        await press_at(pilot, night, "escape")
        night.at += absence.SHOWN_S + 1
        await rest(pilot)
        assert "looked away" not in grid(pilot)


async def test_failure_rings_and_shows_in_the_title_until_a_key(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "fail").touch()
    async with opened(controller, sources=[]) as pilot:
        found = calls(pilot, monkeypatch)
        controller.start("work", controller.plan("work"), reason="first")
        await until(pilot, lambda: "bell" in found)
        assert "2.1 Do the work: failed" in found[1]
        await press(pilot, "up")
        assert found[2] == ""
        controller.start("look", controller.plan("look"))
        await until(pilot, lambda: ended(controller, "look") is StepStatus.DONE)
        await rest(pilot)
        assert found.count("bell") == 1  # a short step that ended well calls nobody


def test_request_end_of_a_long_step_and_each_overdue_update_ring_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = AheadClock()
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test", clock=clock)
    controller.mark_done("asked", values={"owner": "ada", "bad": "no"})
    controller.update("we look into it")
    alarms = Alarms(controller)
    assert alarms.take() == ""
    bob = IncidentController.observe(controller.folder, actor="bob@test")
    bob.request_control()
    wait_for(lambda: [controller.poll(), controller.incident.asked_by][1])
    assert alarms.take() == f"{login(current_actor())} requests control"
    assert alarms.take() == ""
    monkeypatch.setattr(module, "LONG_S", 0.0)
    controller.start("look", controller.plan("look"))
    assert ended(controller, "look") is StepStatus.DONE
    assert "Look around: done" in alarms.take()
    clock.ahead = timedelta(minutes=15, seconds=1)
    assert alarms.take() == "a status update is due"
    assert alarms.take() == ""
    clock.ahead = timedelta(minutes=30, seconds=1)
    assert alarms.take() == "2 status updates are overdue"
    controller.leave()


async def test_no_bell_where_the_settings_say_so(
    controller: IncidentController, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    write_settings(settings_file(), Settings(bell=False))
    (here / "fail").touch()
    async with opened(controller, sources=[]) as pilot:
        found = calls(pilot, monkeypatch)
        controller.start("work", controller.plan("work"), reason="first")
        await until(pilot, lambda: controller.incident.step("work").status is StepStatus.FAILED)
        await rest(pilot)
        assert "bell" not in found


async def test_command_path_and_update_are_copied_by_one_key_each(
    controller: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.update("all is well\nsecond line")
    before, copies = len(controller.events), controller.folder.path / "copies"
    async with opened(controller, sources=[]) as pilot:
        copied: list[str] = []
        monkeypatch.setattr(pilot.app, "copy_to_clipboard", copied.append)
        await press(pilot, "y", "Y", "ctrl+y")
        assert "in the clipboard and in" in grid(pilot)
    assert copied[0].startswith('echo "seen by $WHO"')
    assert copied[1:] == [str(controller.folder.path), "all is well\nsecond line"]
    assert [(copies / name).read_text() for name in ("command.txt", "path.txt", "update.txt")] == copied
    assert len(controller.events) == before


async def test_own_incident_is_observed_without_writing(controller: IncidentController) -> None:
    before = len(controller.events)
    async with opened(IncidentController.observe(controller.folder, actor="ada@test"), sources=[]) as pilot:
        await press(pilot, "enter", "s", "n", "j", "z", "y", "u", "minus", "exclamation_mark", "escape")
        assert "w ask for control" in grid(pilot)
    assert len(controller.events) == before
