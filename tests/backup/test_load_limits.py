"""A backup keeps to the limits of its load: priority of its programs, bytes a second; the plan says what it expects."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from actions.dump.load_limits import LoadLimits, RateLimiter
from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.units import Size
from tests.support.emergency_backups import Later
from tests.support.users import run_as

OBSERVED = """\
#!/bin/sh
[ "$1" = --version ] || echo "$(nice) $(ionice -p $$)" >> "{seen}"
exec "{real}/{name}" "$@"
"""


@pytest.fixture
def observed(context: Context, tmp_path: Path) -> tuple[Context, Path]:
    """The programs of PostgreSQL as they are, but each writes its priorities into the file before it begins."""
    real, seen, here = context.location("pg_bin"), tmp_path / "seen", tmp_path / "bin"
    here.mkdir()
    for program in real.iterdir():
        (here / program.name).symlink_to(program)
    for name in ("pg_dump", "pg_restore"):
        (here / name).unlink()
        (here / name).write_text(OBSERVED.format(seen=seen, real=real, name=name))
        (here / name).chmod(0o755)
    places = {**context.runbook.locations, "pg_bin": str(here)}
    return replace(context, runbook=replace(context.runbook, locations=places)), seen


@pytest.mark.slow
def test_backup_with_a_priority_lowers_every_program_that_it_starts(
    arp: Target, observed: tuple[Context, Path]
) -> None:
    context, seen = observed
    action = EmergencyBackup(arp, validate=True, nice=11, io="idle")
    plan = action.plan(context)
    assert (
        "priority",
        "nice 11, disk priority idle for what runs here; the server's own processes keep theirs",
    ) in plan.facts
    assert run_as(os.getuid(), lambda: action.apply(context, plan).ok, gid=os.getgid())
    priorities = seen.read_text().splitlines()
    assert len(priorities) == 2
    assert set(priorities) == {"11 idle"}
    assert psutil.Process().nice() == 0


def test_nightly_set_with_a_priority_lowers_every_program_that_it_starts(observed: tuple[Context, Path]) -> None:
    context, seen = observed
    action = NightlyBackup((context.runbook.targets["gps-db-prod"],), nice=5, io="low")
    assert run_as(os.getuid(), lambda: action.apply(context, action.plan(context)).ok, gid=os.getgid())
    assert {line for line in seen.read_text().splitlines() if line} == {"5 best-effort: prio 7"}


@pytest.mark.slow
def test_backup_with_a_bandwidth_takes_no_more_in_a_second(noise: Target, context: Context) -> None:
    action = EmergencyBackup(noise, bandwidth=Size.parse("2 MB"))
    plan = action.plan(context)
    (limit,) = (text for label, text in plan.facts if label == "limit")
    assert limit.startswith("at most 2.0 MB a second from the servers, so about ")
    began = time.monotonic()
    outcome = action.apply(context, plan)
    assert outcome.ok
    unpacked = int(outcome.values["bytes"])  # compressed: less than what came from the server
    assert time.monotonic() - began >= unpacked / 2_000_000


def test_two_dumps_at_one_pace_share_it() -> None:
    limiter, began = RateLimiter(LoadLimits(bandwidth=Size(1_000_000))), time.monotonic()
    for _ in range(4):
        limiter.passed(50_000)
    assert time.monotonic() - began >= 0.2


def test_plan_says_what_load_is_expected(arp: Target, context: Context) -> None:
    (load,) = (text for label, text in EmergencyBackup(arp).plan(context).facts if label == "load")
    assert "of data is read twice, for the dump and to count its rows; 1 database at a time" in load


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (lambda target: EmergencyBackup(target, nice=20), "nice is a number from 0 to 19, not 20"),
        (lambda target: EmergencyBackup(target, io="fast"), "There is no disk priority 'fast'"),
        (lambda target: NightlyBackup((target,), bandwidth=Size(0)), "A bandwidth of 0 bytes a second saves nothing"),
    ],
)
def test_limit_that_does_not_exist_is_refused_in_the_plan(
    arp: Target, context: Context, action: object, sentence: str
) -> None:
    assert callable(action)
    assert sentence in action(arp).plan(context).refusal


def test_two_databases_of_one_name_are_refused_before_a_set_is_begun(arp: Target, context: Context) -> None:
    twin = replace(arp, name="arp-copy")
    later = replace(context, clock=Later())
    plan = NightlyBackup((arp, twin)).plan(later)
    assert "arp-db-prod and arp-copy both have a database arp, and a set holds one dump of a name" in plan.refusal
