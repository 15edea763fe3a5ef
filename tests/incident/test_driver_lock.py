"""One driver at a time, whoever races for control, and nobody after a kill."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.control.lease import driver_of
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Failed, Refused
from tests.support.failing_disk import Disk
from tests.support.mounting import run_or_skip

HOLD = """
import sys
from pathlib import Path
from midwatch.incident.paths import IncidentFolder
from midwatch.control.driver_lock import DriverLock
lock = DriverLock.take(IncidentFolder(Path(sys.argv[1])), "eve@test")
print("held", flush=True)
sys.stdin.readline()
"""
RACE = """
import os, sys
from pathlib import Path
from midwatch.system.errors import Refused
from midwatch.incident.paths import IncidentFolder
from midwatch.control.driver_lock import DriverLock
folder, wins = IncidentFolder(Path(sys.argv[1])), 0
print("ready", flush=True)
sys.stdin.readline()
for turn in range(300):
    try:
        lock = DriverLock.take(folder, f"racer-{os.getpid()}@test")
    except Refused as refused:
        assert "has a driver: " in str(refused) and f"racer-{os.getpid()}@" not in str(refused), str(refused)
        continue
    inside = os.open(sys.argv[1] + "/inside", os.O_CREAT | os.O_EXCL | os.O_WRONLY)  # fails if there are two drivers
    os.close(inside)
    os.unlink(sys.argv[1] + "/inside")
    wins += 1
    lock.release()
print(wins, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    path = tmp_path / "INC-20261123-0200-x"
    path.mkdir()
    return IncidentFolder(path)


def python(program: str, folder: IncidentFolder) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_second_driver_is_told_who_drives_and_since_when(folder: IncidentFolder) -> None:
    before = datetime.now(UTC)
    lock = DriverLock.take(folder, "ada@bastion")
    with pytest.raises(Refused) as refused:
        DriverLock.take(folder, "bob@bastion")
    driver = driver_of(folder)
    assert driver is not None
    assert (driver.actor, driver.pid) == ("ada@bastion", os.getpid())
    assert before <= datetime.fromisoformat(driver.since) <= datetime.now(UTC)
    assert f"ada@bastion drives it since {datetime.fromisoformat(driver.since):%Y-%m-%d %H:%M:%S} UTC" in str(
        refused.value
    )
    assert f"pid {os.getpid()}" in str(refused.value)
    lock.release()
    lock.release()
    assert driver_of(folder) is None
    DriverLock.take(folder, "bob@bastion").release()


def test_killed_driver_loses_control_at_once(folder: IncidentFolder) -> None:
    holder = python(HOLD, folder)
    assert line(holder) == "held"
    with pytest.raises(Refused, match="eve@test drives it since"):
        DriverLock.take(folder, "bob@test")
    holder.send_signal(signal.SIGKILL)
    holder.wait(30)
    assert driver_of(folder) is None
    DriverLock.take(folder, "bob@test").release()
    holder.communicate()


def test_programs_that_the_driver_starts_do_not_hold_control(folder: IncidentFolder) -> None:
    lock = DriverLock.take(folder, "ada@test")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        lock.release()
        DriverLock.take(folder, "bob@test").release()
        assert child.poll() is None
        child.communicate(timeout=30)


def test_driver_whose_pid_was_recycled_is_not_named(folder: IncidentFolder) -> None:
    DriverLock.take(folder, "ada@test").release()
    lock = DriverLock.take(folder, "ada@test")
    data = json.loads(folder.lock.read_text())
    folder.lock.write_text(json.dumps({**data, "actor": "ghost", "start": data["start"] - 1}))
    assert driver_of(folder) is None
    with pytest.raises(Refused, match="another process took control"):
        DriverLock.take(folder, "bob@test")
    folder.lock.write_text(json.dumps({**data, "actor": "far", "host": "elsewhere", "boot": "another"}))
    with pytest.raises(Refused, match=r"far drives it since .* on elsewhere"):
        DriverLock.take(folder, "bob@test")
    for rubbish in ("", "[]", "{}", "\0", '{"actor": 1}'):
        folder.lock.write_text(rubbish)
        assert driver_of(folder) is None
    lock.release()


@pytest.mark.slow
def test_hundreds_of_racing_starts_never_make_two_drivers(folder: IncidentFolder) -> None:
    racers = [python(RACE, folder) for _ in range(4)]
    for racer in racers:
        assert line(racer) == "ready"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    wins = [int(line(racer) or -1) for racer in racers]
    for racer in racers:
        racer.communicate(timeout=60)
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    assert all(won >= 0 for won in wins)
    assert sum(wins) > 0


def test_driver_lock_on_a_read_only_mount_is_one_sentence(folder: IncidentFolder) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "midwatch-test", str(folder.path)]
    run_or_skip(*mount)
    try:
        with pytest.raises(Failed, match=r"cannot be driven: driver\.lock: Read-only file system") as failed:
            DriverLock.take(folder, "ada@test")
        assert "--observe" in failed.value.hint
    finally:
        subprocess.run(["umount", str(folder.path)], check=True, timeout=20)


def test_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="No such file or directory"):
        DriverLock.take(IncidentFolder(tmp_path / "gone"), "ada@test")


def test_driver_on_a_removed_disk_keeps_control_and_writes_to_the_fallback(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    try:
        folder = IncidentFolder(disk.root)
        lock = DriverLock.take(folder, "ada@test")
        journal = Journal.create(folder.journal, actor="ada@test", clock=SystemClock(), fence=lock.require)
        journal.name_fallbacks(tmp_path / "second")
        disk.pull_out()
        lock.require()
        lock.beat()
        journal.append("note", {"text": "the disk gives errors only"})
        away = journal.away
        assert away is not None
        assert away.parent == tmp_path / "second"
        journal.close()
        lock.release()
        with pytest.raises(Failed, match=r"cannot be driven: driver\.lock: Input/output error"):
            DriverLock.take(folder, "bob@test")
        disk.unmount()
        disk.mount()
        assert read(folder.journal)[-2].body == {"text": "the disk gives errors only"}
        assert verify(folder.journal).ok
    finally:
        disk.unmount()


def test_driver_without_free_descriptors_writes_nothing_and_keeps_control(folder: IncidentFolder) -> None:
    lock = DriverLock.take(folder, "ada@test")
    journal = Journal.create(folder.journal, actor="ada@test", clock=SystemClock(), fence=lock.require)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))  # all three are taken
    try:
        with pytest.raises(Failed, match=r"cannot be written: driver\.lock: Too many open files") as failed:
            journal.append("note", {})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert not isinstance(failed.value, TakenOver)
    assert journal.append("note", {"text": "again"}).seq == 1
    lock.require()
    journal.close()
    lock.release()
