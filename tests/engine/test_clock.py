"""Clocks are set, jump, repeat a second and stand still in a suspend: nothing is disordered, and no length of time is
false."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind, seconds_between
from midwatch.incident.reducer import reduce
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.system.clock import SystemClock, from_rfc3339
from tests.support.set_time import SetTime
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: clocks
title: The clocks are set
severity: SEV-2
comms: {channel: "#inc", update_every: 15 min}
phases:
  - title: All
    steps:
"""
ANSWERS = "actor: ada@test\ndefault_manual: {note: done}\n"
MIDNIGHT = datetime(2026, 6, 30, 23, 59, 59, 800_000, tzinfo=UTC)
"""Just before a leap second could be; a kernel then has the last second of the day twice."""
FOLD = datetime(2026, 10, 25, 0, 59, 59, 900_000, tzinfo=UTC)
"""Just before London has the hour from one to two a second time."""


def test_however_the_time_of_day_is_set_order_and_lengths_are_right(tmp_path: Path) -> None:
    clocks, now = SetTime(tmp_path), datetime.now(UTC)
    steps = {
        "the last second again": MIDNIGHT - timedelta(seconds=1),
        "into the second hour": FOLD,
        "and there again": FOLD - timedelta(hours=1),
        "a day on": FOLD + timedelta(days=1),
    }
    clocks.add(day=(MIDNIGHT - now).total_seconds())
    lines = []
    for number, (title, moment) in enumerate(steps.items()):
        run = f"{clocks.written(f's{number}', day=(moment - now).total_seconds())}; sleep 0.2"
        lines.append(f"      - {{id: s{number}, title: {title}, risk: observe, run: '{run}'}}\n")
    (tmp_path / "runbook.yaml").write_text(RUNBOOK + "".join(lines), encoding="utf-8")
    (tmp_path / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    command = [
        Path(sys.executable).with_name("midwatch"),
        "run",
        "runbook.yaml",
        "--headless",
        "--answers",
        "answers.yaml",
    ]
    command += ["--export", "timeline.md"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=clocks.environment | {"TZ": "Europe/London"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (journal,) = tmp_path.glob("logs/incidents/*/journal.jsonl")
    events = read(journal)
    assert verify(journal).ok
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(after.time >= before.time for before, after in pairwise(events))
    assert all(0 <= seconds_between(before, after) < 30 for before, after in pairwise(events))
    ended = [event for event in events if event.kind == EventKind.FINISHED]
    assert [event.body["outcome"] for event in ended] == ["done"] * len(steps)
    assert all(0.2 <= event.body["seconds"] < 30 for event in ended)
    assert 0.2 * len(steps) <= reduce(events).lasted < 60
    assert abs(events[0].time - MIDNIGHT) < timedelta(seconds=30)
    assert all(":60" not in from_rfc3339(event.body["ended"]).isoformat() for event in ended)
    assert "-0:" not in (tmp_path / "timeline.md").read_text()


def test_age_of_an_open_incident_follows_the_boot_clock(tmp_path: Path) -> None:
    from dataclasses import replace

    from midwatch.incident.events import Event
    from midwatch.system.process import boot_id

    clock = SystemClock()
    declared = {"id": "x", "title": "X", "severity": "SEV-2"}
    plan = {"step": "a", "attempt": 1, "plan": None}
    now = clock.monotonic()
    first = Event(1, clock.now() + timedelta(days=1), now - 60, boot_id(), "ada", EventKind.DECLARED, declared)
    second = Event(2, first.time, now - 20, boot_id(), "ada", EventKind.CONFIRMED, plan)
    incident = reduce([first, second])
    assert 60 <= incident.elapsed_now(clock) < 90, "though the clock was set back by a day since"
    last = incident.step("a").last
    assert last is not None
    assert 20 <= last.runs_for(incident.elapsed_now(clock)) < 50
    after_a_restart = reduce(
        [first, replace(second, boot="the next one", mono=1.0, time=first.time + timedelta(seconds=30))]
    )
    assert 30 <= after_a_restart.elapsed_now(clock) < 60, "never negative, and what is not known is not counted"


START = """
import sys
from pathlib import Path
from midwatch.incident.paths import AttemptFolder
from midwatch.api.plan import Plan
from midwatch.supervisor.consented_command import command_of
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.launch import launch
folder = AttemptFolder(Path(sys.argv[1]))
plan = Plan("shell", {"script": sys.argv[2]}, bindings={"working folder": "/"})
launch(folder, LaunchSpec(command_of(plan), "/", {}, 60, digest=plan.digest), {}, plan)
"""


def test_suspend_in_mid_step_is_in_its_length_and_not_in_its_limit(tmp_path: Path) -> None:
    from midwatch.incident.paths import AttemptFolder
    from midwatch.supervisor.status import Result, inspect_attempt

    clocks = SetTime(tmp_path)
    suspend = clocks.written("suspend", day=7200.0, boot=7200.0)
    command = [sys.executable, "-c", START, str(tmp_path / "attempt"), f"echo before; {suspend}; sleep 0.2; echo after"]
    subprocess.run(command, env=clocks.environment, check=True, timeout=60)
    attempt = AttemptFolder(tmp_path / "attempt")
    wait_for(lambda: isinstance(inspect_attempt(attempt), Result))
    found = inspect_attempt(attempt)
    assert isinstance(found, Result)
    assert (found.outcome, found.exit) == ("done", 0), "two hours, of which it had one minute"
    assert 7200 <= found.seconds < 7260
    assert from_rfc3339(found.ended) > datetime.now(UTC) + timedelta(hours=1)
    last = attempt.timing.read_text().splitlines()[-1].split()
    assert 7200 <= float(last[0]) < 7260


class Wrong(SystemClock):
    """Somebody sets it."""

    by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


@pytest.mark.parametrize("hours", [-24, 1])
def test_setting_the_time_of_day_makes_no_update_due(tmp_path: Path, hours: int) -> None:
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.runbook.loader import load

    (tmp_path / "runbook.yaml").write_text(RUNBOOK + "      - {id: one, title: First}\n", encoding="utf-8")
    clock = Wrong()
    controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada@test", clock=clock)

    def left() -> float:
        assert controller.next_update_due is not None
        return (controller.next_update_due - clock.now()).total_seconds()

    clock.by = timedelta(hours=hours)
    assert 600 < left() <= 900.1
    controller.update("looking at it")
    clock.by -= timedelta(hours=hours)
    assert 600 < left() <= 900.1
    controller.leave()


class StoodStill(SystemClock):
    """A clock that names one second for ever."""

    def now(self) -> datetime:
        return MIDNIGHT


def test_incidents_of_the_same_second_have_names_and_journals_of_their_own(tmp_path: Path) -> None:
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.engine.repository import incidents
    from midwatch.runbook.loader import load

    (tmp_path / "runbook.yaml").write_text(RUNBOOK + "      - {id: one, title: First}\n", encoding="utf-8")
    runbook = load(tmp_path / "runbook.yaml")
    with ThreadPoolExecutor(4) as pool:
        declared = list(
            pool.map(lambda _: IncidentController.declare(runbook, actor="ada@test", clock=StoodStill()), range(4))
        )
    for controller in declared:
        controller.note(controller.incident.id)
        controller.leave()
    found = incidents(tmp_path / "logs")
    assert sorted(folder.id for folder in found) == sorted(
        f"INC-20260630-2359-clocks{end}" for end in ("", "-2", "-3", "-4")
    )
    for folder in found:
        assert verify(folder.journal).ok
        assert [event.body["text"] for event in read(folder.journal) if event.kind == EventKind.NOTE] == [folder.id]
