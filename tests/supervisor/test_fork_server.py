"""The fork server of a driver: one process for all steps, which nothing depends on once a step runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.incident.events import StepOutcome
from midwatch.supervisor.attempt_processes import command_line, is_supervisor
from midwatch.supervisor.status import cancel
from midwatch.system.process import ProcessIdentity, stat_of
from tests.supervisor.supervised import Step, gone
from tests.support.waiting import wait_for


def fork_servers(driver: int) -> list[int]:
    """Pids of the fork servers of this process."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    children = [pid for pid in found if (stat := stat_of(pid)) and stat.parent == driver and not stat.ended]
    return [pid for pid in children if b"midwatch.supervisor" in command_line(pid)]


def test_two_steps_have_one_fork_server_and_supervisors_with_names_of_their_own(tmp_path: Path) -> None:
    steps = [Step(tmp_path / name) for name in ("one", "two with a blank")]
    supervisors = [step.start("read x < <(sleep 60)") for step in steps]
    (server,) = fork_servers(os.getpid())
    for step, supervisor in zip(steps, supervisors, strict=True):
        assert is_supervisor(supervisor.pid, step.folder)
        stat = stat_of(supervisor.pid)
        assert stat is not None
        assert stat.parent not in (server, os.getpid())
    assert not is_supervisor(supervisors[0].pid, steps[1].folder)
    assert not is_supervisor(server, steps[0].folder)
    for step in steps:
        assert cancel(step.folder)
        assert step.result().outcome is StepOutcome.CANCELLED


def test_fork_server_that_was_killed_ends_no_step_and_another_one_starts_the_next(tmp_path: Path) -> None:
    first, second = Step(tmp_path / "one"), Step(tmp_path / "two")
    first.start(f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo one")
    (server,) = fork_servers(os.getpid())
    os.kill(server, signal.SIGKILL)
    wait_for(lambda: gone(server))
    second.start("echo two")
    (tmp_path / "go").touch()
    assert (first.result().outcome, first.output) == (StepOutcome.DONE, b"one\n")
    assert (second.result().outcome, second.output) == (StepOutcome.DONE, b"two\n")


def test_step_gets_the_environment_of_its_driver_at_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("one", "two"):
        monkeypatch.setenv("A_WORD_OF_THE_DRIVER", word)
        step = Step(tmp_path / word)
        step.start('echo "$A_WORD_OF_THE_DRIVER"')
        assert step.result().outcome is StepOutcome.DONE
        assert step.output.decode() == f"{word}\n"
    assert len(fork_servers(os.getpid())) == 1


def test_fork_server_ends_with_a_driver_that_was_killed() -> None:
    program = (
        "from midwatch.supervisor.fork_server import FORK_SERVER; FORK_SERVER.start(); print(1, flush=True); input()"
    )
    driver = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert driver.stdin is not None
    assert driver.stdout is not None
    assert driver.stdout.readline() == b"1\n"
    (server,) = fork_servers(driver.pid)
    identity = ProcessIdentity.of(server)
    assert identity is not None
    driver.kill()
    driver.communicate()
    wait_for(lambda: not identity.alive)
