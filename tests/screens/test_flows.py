"""What a person does with the screen, on the real controller: real shells, real supervisors, a real journal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.supervisor.logind import System, logout_kills
from screens.dialogs import confirm
from screens.dialogs.confirm import Confirm
from screens.incident import screen
from screens.incident.screen import IncidentScreen
from screens.pages.output import OutputScreen
from tests.support.screen_pilot import Pilots, grid, opened, press, rest, until
from tests.support.small_incident import RUNBOOK

pytestmark = pytest.mark.slow


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    file = here / "runbook.yaml"
    file.write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(file), actor="ada@test")
    yield controller
    deadline = time.monotonic() + 30
    while controller.driving and controller.incident.running() and time.monotonic() < deadline:
        for state in controller.incident.running():
            (here / "hold").unlink(missing_ok=True)
            controller.poll()
            if state.status is StepStatus.RUNNING:
                time.sleep(0.05)
    controller.leave()


def status(controller: IncidentController, step: str) -> StepStatus:
    return controller.incident.status(controller.runbook.step(step))


async def own(pilot: Pilots) -> None:
    """Take the first step: two questions and no note."""
    await press(pilot, "enter", *"ada", "enter", "y", "enter", "enter")


async def look(pilot: Pilots, controller: IncidentController) -> None:
    """The first two steps."""
    await own(pilot)
    await press(pilot, "enter")
    await until(pilot, lambda: status(controller, "look") is StepStatus.DONE)
    await rest(pilot)


async def test_incident_on_the_screen_goes_from_the_first_step_to_closed(
    controller: IncidentController, here: Path
) -> None:
    """Enter, answers, `y`, a typed name: and the incident is closed with everything in the journal."""
    (here / "rubbish").mkdir()
    async with opened(controller, sources=[]) as pilot:
        assert "Enter mark 1.1 done" in grid(pilot)
        await own(pilot)
        assert controller.incident.value("asked", "owner") == "ada"
        assert controller.incident.value("asked", "bad") == "yes"
        await until(pilot, lambda: "Enter run 1.2" in grid(pilot))
        await press(pilot, "enter")  # it changes nothing: no question
        await until(pilot, lambda: status(controller, "look") is StepStatus.DONE and "seen by ada" in grid(pilot))
        await until(pilot, lambda: "Enter run 2.1" in grid(pilot))
        await press(pilot, "enter", "y")
        await until(pilot, lambda: status(controller, "work") is StepStatus.DONE)
        await until(pilot, lambda: "Enter run 2.2" in grid(pilot))
        await press(pilot, "enter")
        assert "type the target's name:  burn" in grid(pilot)
        await press(pilot, "tab", *"burn", "enter", "enter")
        await until(pilot, lambda: status(controller, "burn") is StepStatus.DONE)
        assert not (here / "rubbish").exists()
        await until(pilot, lambda: "Enter close the incident" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "All are met." in grid(pilot))
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: not controller.incident.open)
        await until(pilot, lambda: "CLOSED  after" in grid(pilot))
    assert [event.kind for event in controller.events].count(EventKind.CLOSED) == 1


async def test_failed_step_stays_next_and_says_what_to_do(controller: IncidentController, here: Path) -> None:
    (here / "fail").touch()
    async with opened(controller, sources=[]) as pilot:
        await look(pilot, controller)
        await until(pilot, lambda: "Enter run 2.1" in grid(pilot))
        await press(pilot, "enter", "y")
        await until(pilot, lambda: status(controller, "work") is StepStatus.FAILED)
        await until(pilot, lambda: "failed, exit 7" in grid(pilot) and "Enter run 2.1 again" in grid(pilot))
        shown = grid(pilot)
        assert "Try again." in shown
        assert "SEV-1" in shown
        assert "! Notify The boss: press t" in shown
        await press(pilot, "t", "enter", *"it broke", "enter")
        await until(pilot, lambda: "! Tell" not in grid(pilot))
        assert not controller.incident.to_notify
        (here / "fail").unlink()
        await press(pilot, "m", *"with my hands", "enter")
        assert status(controller, "work") is StepStatus.DONE


async def test_running_step_is_followed_and_can_be_ended(controller: IncidentController, here: Path) -> None:
    (here / "hold").touch()
    async with opened(controller, sources=[]) as pilot:
        await look(pilot, controller)
        await until(pilot, lambda: "Enter run 2.1" in grid(pilot))
        await press(pilot, "enter", "y")
        await until(pilot, lambda: "begun" in grid(pilot) and "running" in grid(pilot))
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, OutputScreen)
        await press(pilot, "escape", "x", "y")
        await until(pilot, lambda: status(controller, "work") is StepStatus.FAILED)
        await until(pilot, lambda: "cancelled" in grid(pilot))


async def test_leaving_says_what_goes_on(controller: IncidentController, here: Path) -> None:
    (here / "hold").touch()
    async with opened(controller, sources=[]) as pilot:
        await look(pilot, controller)
        await until(pilot, lambda: "Enter run 2.1" in grid(pilot))
        await press(pilot, "enter", "y")
        await until(pilot, lambda: status(controller, "work") is StepStatus.RUNNING)
        await press(pilot, "q")
        assert "goes on without the screen: 2.1 Do the work" in grid(pilot)
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.return_value is not None)
    assert pilot.app.return_value is True
    assert status(controller, "work") is StepStatus.RUNNING


async def test_that_a_logout_would_end_steps_is_said_at_once_and_again_on_leaving(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in {
        "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope",
        "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n",
    }.items():
        (here / name).parent.mkdir(parents=True)
        (here / name).write_text(content)
    monkeypatch.setattr(screen, "logout_kills", partial(logout_kills, System(here, "ada")))
    (here / "hold").touch()
    async with opened(controller, sources=[]) as pilot:
        await until(pilot, lambda: "A logout ends running steps here. Run: loginctl enable-linger ada" in grid(pilot))
        await look(pilot, controller)
        await until(pilot, lambda: "Enter run 2.1" in grid(pilot))
        await press(pilot, "enter", "y")
        await until(pilot, lambda: status(controller, "work") is StepStatus.RUNNING)
        await press(pilot, "q")
        assert "2.1 Do the work." in grid(pilot)
        assert "A logout ends running steps here. Run: loginctl enable-linger ada." in grid(pilot)


async def test_skip_and_do_again_need_a_reason(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "s", "enter")
        assert "an answer is needed" in grid(pilot)
        await press(pilot, *"nobody here", "enter")
        assert status(controller, "asked") is StepStatus.SKIPPED
        await press(pilot, "home", "down", "r", *"somebody came", "enter")
        assert status(controller, "asked") is StepStatus.TODO


async def test_checklist_is_filtered_by_what_one_looks_for(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "slash", *"destr")
        shown = grid(pilot)
        assert "1 found" in shown
        assert "□ 2.2 Burn it" in shown
        assert "Look around" not in shown
        await press(pilot, "enter")
        assert "2.2 Burn it" in grid(pilot)  # the cursor is on what was found
        await press(pilot, "escape")
        assert "Look around" in grid(pilot)
        await press(pilot, "slash", *"no such thing")
        assert "0 found" in grid(pilot)
        await press(pilot, "escape")
        assert "Checklist 4 to do " in grid(pilot)


async def test_steps_that_run_at_once_are_gone_through(controller: IncidentController, here: Path) -> None:
    for name in ("wait", "hold"):
        (here / name).touch()
    controller.mark_done("asked", values={"owner": "ada", "bad": "no"})
    for step in ("look", "work"):
        controller.start(step, controller.plan(step))
    async with opened(controller, (120, 36), sources=[]) as pilot:
        await until(pilot, lambda: "2 running" in grid(pilot))
        seen = set()
        for _ in range(2):
            await press(pilot, "right_square_bracket")
            title = next(line for line in grid(pilot).splitlines() if "Output of" in line)
            seen.add(title.split()[3])
        assert seen == {"1.2", "2.1"}
        for name in ("wait", "hold"):
            (here / name).unlink()


async def test_enter_goes_to_what_is_needed_first(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "down")
        assert "Enter go to 1.1, needed first" in grid(pilot)
        await press(pilot, "enter")
        assert "Enter mark 1.1 done" in grid(pilot)


async def test_notes_updates_and_severity_reach_the_journal(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "n", *"saw smoke", "tab", *"5 min ago", "enter")
        note = controller.incident.notes[-1]
        assert note.text == "saw smoke"
        assert 290 < (note.written_at - note.at).total_seconds() < 320
        await press(pilot, "u", "ctrl+s")
        assert controller.incident.last_update_at is not None
        await press(pilot, "exclamation_mark", "up", "enter", *"worse", "enter")
        assert controller.incident.severity == "SEV-1"


async def test_refusal_keeps_the_dialog_and_what_was_typed(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "n", *"saw smoke", "tab", *"yesterday", "enter")
        shown = grid(pilot)
        assert "'yesterday' is no time" in shown
        assert "saw smoke" in shown
        assert not controller.incident.notes


async def test_observer_has_no_keys_that_write(controller: IncidentController) -> None:
    observer = IncidentController.observe(controller.folder, actor="eve@test")
    async with opened(observer, (120, 36), sources=[]) as pilot:
        shown = grid(pilot)
        assert "OBSERVING ada" in shown
        assert "skip" not in shown.splitlines()[-1]
        await press(pilot, "s", "n")
        assert isinstance(pilot.app.screen, IncidentScreen)
        controller.note("seen by both")
        await until(pilot, lambda: observer.incident.notes)


async def test_keys_meant_for_the_screen_below_confirm_nothing(
    controller: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(controller, sources=[]) as pilot:
        await look(pilot, controller)
        await until(pilot, lambda: "Enter run 2.1" in grid(pilot))
        monkeypatch.setattr(confirm, "GRACE", 3600.0)
        await press(pilot, "enter", "y", "escape", "enter")
        assert isinstance(pilot.app.screen, Confirm)
        assert status(controller, "work") is StepStatus.TODO


async def test_destruction_takes_the_name_and_nothing_less(controller: IncidentController, here: Path) -> None:
    (here / "rubbish").mkdir()
    async with opened(controller, sources=[]) as pilot:
        await look(pilot, controller)
        await press(pilot, "down", "down", "enter")
        assert isinstance(pilot.app.screen, Confirm)
        await press(pilot, "y", "ctrl+s")
        await press(pilot, "tab", *"bur", "enter", "enter")
        assert isinstance(pilot.app.screen, Confirm)
        assert "nothing was done" in grid(pilot)
        for key, next_key in (("n", "Enter goes to Run"), ("enter", "Enter on Run does it"), ("left", "Tab to Run")):
            await press(pilot, key)
            assert next_key in grid(pilot)
            assert "nothing was done" not in grid(pilot)
        await press(pilot, "escape")
        assert status(controller, "burn") is StepStatus.TODO
        assert (here / "rubbish").exists()
