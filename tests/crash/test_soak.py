"""A soak: incidents in which anything happens in any order, and anything breaks; each one is verified and complete in
the end.

`MIDWATCH_SOAK=200` sets how many; the figures of a long run stand in `docs/reliability.md`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from midwatch.engine.repository import incidents
from midwatch.incident.events import Event, EventKind
from midwatch.incident.reducer import reduce
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.system.process import ProcessIdentity
from tests.crash import wandering
from tests.crash.deadly import DIED
from tests.crash.drivers import Deadly

pytestmark = pytest.mark.heavy

INCIDENTS = int(os.environ.get("MIDWATCH_SOAK", "12"))
ALIVE = 12
"""At most so many things happen in one incident."""
DEED = st.tuples(st.sampled_from(wandering.DEEDS), st.sampled_from(wandering.STEPS))
DEEDS = st.lists(DEED, min_size=1, max_size=8)
MANY_DEEDS = st.lists(DEED, min_size=6, max_size=10)
Deeds = list[tuple[str, str]]
NEVER = 0
_numbers = itertools.count()
_figures = {
    "incidents": 0,
    "lives": 0,
    "deaths": 0,
    "supervisors killed": 0,
    "disks filled": 0,
    "events": 0,
    "attempts": 0,
}


class Wandering(RuleBasedStateMachine):
    """One incident, and what is done to it."""

    driver: Deadly
    place: Path
    mounts: bool

    def __init__(self) -> None:
        super().__init__()
        self.folder = self.place / f"{next(_numbers)}"
        self.volume = self.folder / "volume"
        self.volume.mkdir(parents=True)
        if self.mounts:
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=8m", "midwatch-soak", self.volume], check=True, timeout=30
            )
        wandering.lay_out(self.folder, self.volume)
        self.seen: list[Event] = []
        self.full = False
        _figures["incidents"] += 1

    @rule(
        deeds=DEEDS, leave=st.booleans(), hours=st.sampled_from((0, 0, -5, 3)), hold=st.booleans(), fail=st.booleans()
    )
    def a_driver_comes_and_goes(self, deeds: Deeds, leave: bool, hours: int, hold: bool, fail: bool) -> None:
        self.mark("hold", hold)
        self.mark("fail", fail)
        self.live(deeds, die_at=NEVER, leave=leave, hours=hours)

    @rule(deeds=DEEDS, die_at=st.integers(1, 20))
    def a_driver_dies_as_it_comes(self, deeds: Deeds, die_at: int) -> None:
        self.live(deeds, die_at=die_at, leave=True, hours=0)

    @rule(deeds=MANY_DEEDS, die_at=st.integers(15, 50))
    def a_driver_dies_on_its_way(self, deeds: Deeds, die_at: int) -> None:
        self.live(deeds, die_at=die_at, leave=True, hours=0)

    @rule(first=st.sampled_from(wandering.STEPS[1:]), die_at=st.integers(12, 45))
    def a_driver_dies_at_the_start_of_a_step(self, first: str, die_at: int) -> None:
        self.live([("tick", "asked"), ("start", first), ("wait", first)], die_at=die_at, leave=False, hours=0)

    def live(self, deeds: Deeds, *, die_at: int, leave: bool, hours: int) -> None:
        """One driver's life: it may be refused, and on a full disk it may fail with a sentence; it never does anything
        else."""
        life = self.driver.drive(self.volume, die_at=die_at, deeds=deeds, leave=leave, hours=hours)
        failed_by_disk = self.full and life["exit"] == 1 and life["points"][-1].startswith(("Failed", "Refused"))
        assert life["exit"] in (0, DIED) or failed_by_disk, life["points"][-1:]
        _figures["lives"] += 1
        _figures["deaths"] += life["exit"] == DIED
        told = max((count for _, count in life["told"]), default=0)
        assert len(self.stored()) >= told, "an event that was acknowledged is gone"

    @rule()
    def a_supervisor_is_killed_at_its_work(self) -> None:
        self.mark("hold", True)
        self.live([("tick", "asked"), ("reopen", "work"), ("start", "work")], die_at=NEVER, leave=False, hours=0)
        started = [event for event in self.stored() if event.kind == EventKind.STARTED and event.body["step"] == "work"]
        if started:
            supervisor = ProcessIdentity.from_json(started[-1].body["supervisor"])
            _figures["supervisors killed"] += supervisor.send(signal.SIGKILL)
        self.mark("hold", False)

    @precondition(lambda self: self.mounts and self.stored())
    @rule()
    def the_disk_fills_up(self) -> None:
        if not self.full:
            _figures["disks filled"] += 1
        with contextlib.suppress(OSError), (self.volume / "filler").open("ab", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        self.full = True

    @rule()
    def the_disk_is_freed(self) -> None:
        (self.volume / "filler").unlink(missing_ok=True)
        self.full = False

    @invariant()
    def nothing_is_lost_changed_or_repeated(self) -> None:
        events = self.stored()
        assert events[: len(self.seen)] == self.seen, "events that were stored are gone"
        self.seen = events
        ran = (self.folder / "ran").read_text().splitlines() if (self.folder / "ran").exists() else []
        assert len(ran) == len(set(ran)), f"an attempt ran twice: {ran}"
        confirmed = {f"{e.body['step']}-{e.body['attempt']}" for e in events if e.kind == EventKind.CONFIRMED}
        for values in ran:
            assert "-".join(Path(values).parts[-3:-1]) in confirmed, f"{values} was never confirmed"

    def stored(self) -> list[Event]:
        """The events of the incident as they are on the disk, of a whole journal."""
        for found in incidents(self.volume / "logs"):
            if found.journal.exists():
                events = read(found.journal)
                if events:
                    return events
        return []

    def mark(self, name: str, there: bool) -> None:
        if there:
            (self.folder / name).touch()
        else:
            (self.folder / name).unlink(missing_ok=True)

    def teardown(self) -> None:
        """Everything is mended, and the incident is brought to its end."""
        try:
            self.the_disk_is_freed()
            for name in ("hold", "fail"):
                self.mark(name, False)
            controller = wandering.finish(self.volume)
            self.nothing_is_lost_changed_or_repeated()
            verdict = verify(controller.folder.journal)
            assert verdict.ok, verdict.problem
            incident = reduce(read(controller.folder.journal))
            assert not incident.open
            assert incident == controller.incident
            assert all(incident.status(step).concluded for step in controller.runbook.steps())
            assert all(a.outcome is not None for state in incident.steps.values() for a in state.attempts)
            done = incident.step("work")
            assert done.status in (StepStatus.DONE, StepStatus.SKIPPED)
            _figures["events"] += verdict.events
            _figures["attempts"] += sum(len(state.attempts) for state in incident.steps.values())
        finally:
            os.chdir(self.place)
            if self.mounts:
                subprocess.run(["umount", "-l", self.volume], check=True, timeout=30)
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Deadly]:
    found = Deadly(tmp_path / "warm")
    yield found
    found.end()


def can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "trial", folder], check=False, capture_output=True, timeout=30)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True, timeout=30)
        return done.returncode == 0


@pytest.mark.timeout(3600)
def test_incidents_in_which_anything_happens_are_whole_in_the_end(
    driver: Deadly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    attributes: dict[str, Any] = {"driver": driver, "place": tmp_path, "mounts": os.geteuid() == 0 and can_mount()}
    machine = type("Machine", (Wandering,), attributes)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=INCIDENTS,
            stateful_step_count=ALIVE,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            database=None,
        ),
    )
    with capsys.disabled():
        sys.stdout.write(f"\nsoak: {', '.join(f'{count} {name}' for name, count in _figures.items())}\n")
    assert _figures["incidents"] >= INCIDENTS
