"""Who may drive after a driver that died, hangs or lives, and what becomes of a step that it was about to start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.control.driver_lock import TakenOver
from midwatch.control.lease import DriverState, LeaseTimes, LeaseWatcher
from midwatch.engine import step_runner
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.step_status import StepStatus
from midwatch.journal.verify import verify
from midwatch.runbook.model import Runbook
from midwatch.system.errors import MidwatchError, Refused
from tests.support.steps import ended
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

DRIVES = """
import sys, time
from pathlib import Path
from midwatch.engine.incident_controller import IncidentController
from midwatch.system.errors import Refused
from midwatch.runbook.loader import load
controller = IncidentController.declare(load(Path("runbook.yaml")), actor="ada@test")
print(controller.folder.path, flush=True)
for line in sys.stdin:
    try:
        controller.poll()
        controller.note(line.strip())
        print("noted", flush=True)
    except Refused as refused:
        print(refused, flush=True)
"""


@pytest.fixture
def driver(runbook: Runbook, here: Path) -> Iterator[subprocess.Popen[str]]:
    """Ada's screen, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=here
    )
    yield process
    process.kill()
    process.communicate(timeout=30)


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return heard(process)


def observer_of(folder: IncidentFolder, actor: str, *, lease: float = 20.0) -> IncidentController:
    """An observer who is content with a shorter silence."""
    return IncidentController.observe(folder, actor=actor, times=LeaseTimes(lease_s=lease))


def silent(observer: IncidentController) -> bool:
    observer.poll()
    return observer.lease.state is DriverState.UNRESPONSIVE


def test_control_of_a_driver_that_died_is_taken_with_a_reason(driver: subprocess.Popen[str]) -> None:
    folder = IncidentFolder(Path(heard(driver)))
    driver.kill()
    driver.wait(30)
    bob = observer_of(folder, "bob@test")
    with pytest.raises(Refused, match="ada@test had control and never gave it back") as refused:
        bob.take_control()
    assert "--take-over" in refused.value.hint
    assert not bob.driving
    bob.take_control("ada's laptop is dead")
    body = bob.events[-1].body
    assert bob.events[-1].kind == EventKind.DRIVER_TOOK_OVER
    assert bob.events[-1].actor == bob.incident.driver == "bob@test"
    assert (body["from"], body["reason"], body["how"]) == ("ada@test", "ada's laptop is dead", "ended")
    assert body["silent"] >= 0
    bob.leave()


def test_driver_that_died_resumes_control_without_a_question(driver: subprocess.Popen[str]) -> None:
    folder = IncidentFolder(Path(heard(driver)))
    driver.kill()
    driver.wait(30)
    ada = IncidentController.resume(folder, actor="ada@elsewhere")
    assert ada.events[-1].kind == EventKind.DRIVER_JOINED
    ada.leave()


def test_driver_that_lives_is_never_taken_over(driver: subprocess.Popen[str]) -> None:
    folder = IncidentFolder(Path(heard(driver)))
    bob = observer_of(folder, "bob@test")
    assert bob.lease.state is DriverState.ALIVE
    with pytest.raises(Refused, match="ada@test drives it since"):
        bob.take_control("I want it")
    assert tell(driver, "still here") == "noted"


def test_driver_that_was_stopped_is_taken_over_and_observes_when_it_wakes_up(driver: subprocess.Popen[str]) -> None:
    folder = IncidentFolder(Path(heard(driver)))
    driver.send_signal(signal.SIGSTOP)
    bob = observer_of(folder, "bob@test", lease=0.2)
    wait_for(lambda: silent(bob))
    with pytest.raises(Refused, match="unresponsive for"):
        bob.take_control()
    bob.take_control("her screen hangs")
    body = bob.events[-1].body
    assert (body["from"], body["reason"], body["how"]) == ("ada@test", "her screen hangs", "silent")
    assert body["silent"] >= 0.2
    driver.send_signal(signal.SIGCONT)
    assert tell(driver, "what happened?").startswith("bob@test took control of")
    assert "This terminal only observes; bob@test drives" in tell(driver, "let me")
    bob.note("all is well")
    bob.leave()
    assert verify(folder.journal).ok


def test_same_person_takes_a_hung_screens_control_without_a_reason(driver: subprocess.Popen[str]) -> None:
    folder = IncidentFolder(Path(heard(driver)))
    driver.send_signal(signal.SIGSTOP)
    ada = observer_of(folder, "ada@test", lease=0.2)
    wait_for(lambda: silent(ada))
    ada.take_control()
    assert (ada.events[-1].kind, ada.events[-1].body["reason"]) == (EventKind.DRIVER_TOOK_OVER, "")
    ada.leave()


@pytest.mark.parametrize("begun", [False, True])
def test_step_that_a_silent_driver_was_starting_runs_at_most_once(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """Before its order is written it never runs; after that nobody can know, and nobody says that it did not run."""
    reached, go_on, failures = threading.Event(), threading.Event(), []

    def hang(*_: object, **__: object) -> list[object]:
        reached.set()
        assert go_on.wait(60)
        return []

    def start() -> None:
        try:
            controller.start("work", plan)
        except MidwatchError as error:
            failures.append(error)

    plan = controller.plan("work")
    monkeypatch.setattr(step_runner, "take_readings", hang)
    thread = threading.Thread(target=start)
    thread.start()
    assert reached.wait(60)
    folder = controller.folder.attempt("work", 1)
    if begun:
        folder.launch_spec.touch()
    bob = observer_of(controller.folder, "bob@test", lease=0.0)
    wait_for(lambda: silent(bob))
    bob.take_control("she hangs")
    expected = StepStatus.UNKNOWN if begun else StepStatus.FAILED
    assert ended(bob, "work") is expected
    go_on.set()
    thread.join(60)
    assert len(failures) == 1
    assert not (here / "ran").exists()
    assert isinstance(failures[0], TakenOver)
    assert not controller.driving
    bob.leave()
    assert verify(controller.folder.journal).ok


def test_front_end_that_waits_gives_signs_of_life(controller: IncidentController) -> None:
    os.utime(controller.folder.lock, (0, 0))
    lookout = LeaseWatcher(controller.folder)
    before = lookout.inspect().snapshot
    with controller.heartbeat():
        wait_for(lambda: lookout.inspect().snapshot != before)
