"""What an observer knows of a driver, the fence behind a takeover, and takeovers of drivers that hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from midwatch.control import driver_lock as lock_module
from midwatch.control.driver_lock import DriverLock
from midwatch.control.lease import DriverState, LeaseTimes, LeaseWatcher
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Refused
from tests.incident.locks import sight

pytestmark = pytest.mark.slow

HANG = """
import sys
from pathlib import Path
from midwatch.system.clock import SystemClock
from midwatch.incident.paths import IncidentFolder
from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.journal.writer import Journal
folder = IncidentFolder(Path(sys.argv[1]))
lock = DriverLock.take(folder, "eve@test")
journal = Journal.open(folder.journal, actor="eve@test", clock=SystemClock(), fence=lock.require)
print("held", flush=True)
for line in sys.stdin:
    try:
        if line == "write\\n":
            journal.append("note", {"text": "by eve"})
            print("written", flush=True)
        else:
            with journal.alone():
                print("inside", flush=True)
                sys.stdin.readline()
    except TakenOver as lost:
        print(lost, flush=True)
"""


class Watch:
    """A clock that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Other:
    """Another process, which does what it is told."""

    def __init__(self, folder: IncidentFolder) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HANG, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.heard() == "held"

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


@pytest.fixture
def other(folder: IncidentFolder) -> Iterator[Other]:
    other = Other(folder)
    yield other
    other.process.kill()
    other.process.communicate(timeout=30)


def test_silence_is_counted_by_the_observers_own_clock(folder: IncidentFolder) -> None:
    watch = Watch()
    lookout = LeaseWatcher(folder, LeaseTimes(lease_s=20.0), monotonic=watch)
    assert lookout.inspect().state is DriverState.NOBODY
    lock = DriverLock.take(folder, "ada@test")
    assert lookout.inspect().state is DriverState.ALIVE
    watch.seconds = 19.0
    assert lookout.inspect().state is DriverState.ALIVE
    os.utime(folder.lock, (0, 0))  # a clock that was set back by decades is a heartbeat like any other
    assert lookout.inspect().silent_s == 0.0
    watch.seconds = 38.0
    lock.beat()
    assert lookout.inspect().state is DriverState.ALIVE
    watch.seconds = 58.0
    found = lookout.inspect()
    assert (found.state, found.silent_s) == (DriverState.UNRESPONSIVE, 20.0)
    assert found.driver is not None
    assert found.driver.actor == "ada@test"
    lock.release()
    assert lookout.inspect().state is DriverState.NOBODY


def test_dead_driver_is_known_to_have_ended_without_waiting(folder: IncidentFolder, other: Other) -> None:
    lookout = LeaseWatcher(folder)
    assert lookout.inspect().state is DriverState.ALIVE
    other.process.kill()
    other.process.wait(30)
    assert lookout.inspect().state is DriverState.EXITED
    lock = DriverLock.take(folder, "bob@test")
    lock.require()
    lock.release()


def test_driver_that_lives_is_not_taken_over(folder: IncidentFolder) -> None:
    lock = DriverLock.take(folder, "ada@test")
    before = sight(folder)
    lock.beat()
    with pytest.raises(Refused, match="ada@test drives it since"):
        DriverLock.take_over(folder, "bob@test", before)
    lock.require()
    lock.release()


def test_stopped_driver_is_taken_over_and_cannot_write_when_it_wakes_up(folder: IncidentFolder, other: Other) -> None:
    other.process.send_signal(signal.SIGSTOP)
    lock = DriverLock.take_over(folder, "bob@test", sight(folder))
    journal = Journal.open(folder.journal, actor="bob@test", clock=SystemClock(), fence=lock.require)
    journal.append("note", {"text": "by bob"})
    other.process.send_signal(signal.SIGCONT)
    other.tell("write")
    assert other.heard().startswith("bob@test took control of INC-20261123-0200-x while this terminal was unresponsive")
    journal.append("note", {"text": "by bob again"})
    journal.close()
    lock.release()
    assert [event.actor for event in read(folder.journal)] == ["bob@test", "bob@test"]
    assert verify(folder.journal).ok


def test_driver_that_was_stopped_in_the_middle_of_a_write_keeps_control(
    folder: IncidentFolder, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "PATIENCE_S", 0.1)
    other.tell("stay inside")
    assert other.heard() == "inside"
    other.process.send_signal(signal.SIGSTOP)
    with pytest.raises(Refused, match="stands in the middle of a write") as refused:
        DriverLock.take_over(folder, "bob@test", sight(folder))
    assert f"kill -9 {other.process.pid}" in refused.value.hint
    other.process.kill()
    other.process.wait(30)
    DriverLock.take_over(folder, "bob@test", sight(folder)).release()


def test_driver_on_another_machine_is_watched_for_its_lease_first(folder: IncidentFolder) -> None:
    """The lock of a machine that shares the folder may not reach this one: it looks free here."""
    lock = DriverLock.take(folder, "ada@test")
    named = json.loads(folder.lock.read_text()) | {"host": "elsewhere", "boot": "another", "actor": "far@elsewhere"}
    lock.release()
    folder.lock.write_text(json.dumps(named))
    with pytest.raises(Refused, match=r"far@elsewhere drives it since .* on elsewhere"):
        DriverLock.take(folder, "bob@test")
    before = sight(folder)
    os.utime(folder.lock)  # it lives
    with pytest.raises(Refused, match="far@elsewhere"):
        DriverLock.take_over(folder, "bob@test", before)
    DriverLock.take_over(folder, "bob@test", sight(folder)).release()


def test_observer_who_may_only_read_cannot_hold_any_lock(folder: IncidentFolder) -> None:
    lock = DriverLock.take(folder, "ada@test")
    for path in (folder.lock, folder.journal):
        descriptor = os.open(path, os.O_RDONLY)
        with pytest.raises(OSError, match="Bad file descriptor"):
            lock_module.file_locks.try_lock(descriptor)
        os.close(descriptor)
    lock.release()
