"""Takers of control that die half-way, and that race with one another for drivers that hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock
from tests.crash.deadly import DIED, Points, lay_mines
from tests.incident.locks import sight

pytestmark = pytest.mark.slow
RACERS, ROUNDS = 4, 60
RACE = """
import contextlib, os, random, sys, time
from pathlib import Path
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Refused
from midwatch.incident.paths import IncidentFolder
from midwatch.control.lease import DriverState, LeaseTimes, LeaseWatcher
from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.journal.writer import Journal

folder, rounds, me = IncidentFolder(Path(sys.argv[1])), int(sys.argv[2]), os.getpid()
dice = random.Random(me)
print("ready", flush=True)
sys.stdin.readline()
seized = fenced = number = 0
acknowledged = []
for turn in range(rounds):
    lookout = LeaseWatcher(folder, LeaseTimes(lease_s=0.02))
    while True:
        seen = lookout.inspect()
        try:
            if seen.state is DriverState.UNRESPONSIVE:
                lock = DriverLock.take_over(folder, f"racer-{me}@test", seen.snapshot)
                seized += 1
            else:
                lock = DriverLock.take(folder, f"racer-{me}@test")
            break
        except Refused:
            time.sleep(0.002)
    journal = None
    try:
        journal = Journal.open(folder.journal, actor=f"racer-{me}@test", clock=SystemClock(), fence=lock.require)
        for _ in range(3):
            time.sleep(dice.choice((0, 0, 0.04)))  # hangs, longer than its lease
            with journal.alone():
                os.close(os.open(sys.argv[1] + "/inside", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                lock.beat()
                os.unlink(sys.argv[1] + "/inside")
            number += 1
            journal.append("note", {"text": f"{me}-{number}"})
            acknowledged.append(f"{me}-{number}")
        if dice.random() < 0.5:
            time.sleep(0.04)
        lock.release()
    except TakenOver:
        fenced += 1
        lock.release()
    finally:
        if journal:
            journal.close()
print(seized, fenced, *acknowledged, flush=True)
"""


def test_taker_that_dies_at_any_point_leaves_one_driver(tmp_path: Path) -> None:
    """Whatever is left half-done, the one that hung drives still or is fenced off, and the next taker gets control."""
    for die_at in range(1, 100):
        folder = IncidentFolder(tmp_path / f"{die_at}")
        folder.path.mkdir()
        Journal.create(folder.journal, actor="ada@test", clock=SystemClock()).close()
        hung = DriverLock.take(folder, "ada@test")
        seen = sight(folder)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                lay_mines(Points(die_at))
                DriverLock.take_over(folder, "bob@test", seen)
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, DIED)
        fenced = sight(folder).inode != seen.inode
        if fenced:
            with pytest.raises(TakenOver):
                hung.require()
        else:
            hung.require()
        last = DriverLock.take_over(folder, "eve@test", sight(folder))
        last.require()
        with pytest.raises(TakenOver):
            hung.require()
        last.release()
        hung.release()
        if code == 0:
            assert fenced
            assert die_at > 5
            return
    pytest.fail("it never came to its end")


def test_hundreds_of_racing_takeovers_never_make_two_writers(folder: IncidentFolder) -> None:
    """Drivers that hang, wake up and write on, against takers that do not wait long: one at a time, and no event is
    lost."""
    command = [sys.executable, "-c", RACE, str(folder.path), str(ROUNDS)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(RACERS)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    said = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        out, _ = racer.communicate(timeout=240)
        assert racer.returncode == 0
        said.append(out.split())
    assert sum(int(words[0]) for words in said) > 20  # wheels seized
    assert sum(int(words[1]) for words in said) > 20  # drivers that woke up fenced off
    acknowledged = [note for words in said for note in words[2:]]
    assert sorted(str(event.body["text"]) for event in read(folder.journal)) == sorted(acknowledged)
    assert verify(folder.journal).ok
