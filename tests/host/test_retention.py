"""The nightly job's retention: by recorded age, after success alone, and never the last good backups."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from actions.clean_backups import CleanBackups
from actions.support.plan_log import FAILURE, FINISHED, STARTED
from midwatch.api.action import Context
from midwatch.api.plan import Verb
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.clock import SystemClock
from midwatch.system.units import Seconds
from probes.backup.manifest import Manifest
from tests.support.backup_sets import write_set
from tests.support.host_world import BIN, going

pytestmark = pytest.mark.postgres
WEEK = CleanBackups(older_than=Seconds(7 * 86400))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "prod"


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    made = make_context(targets={"arp-db-prod": Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP")})
    return replace(made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pg_bin": str(BIN)}))


def say(context: Context, *lines: str) -> None:
    folder = context.location("logs")
    folder.mkdir(exist_ok=True)
    (folder / "backup.log").write_text("".join(f"2026-11-23 02:00:00 {line}\n" for line in lines))


def test_retention_removes_older_sets_and_keeps_the_last_good_ones(place: Path, context: Context, dump: bytes) -> None:
    names = [write_set(place, hours, dump) for hours in (1, 200, 300, 400)]
    say(context, STARTED, f"{FINISHED}: 1 databases")
    plan = WEEK.plan(context)
    assert plan.refusal == ""
    assert going(plan) == [names[3], names[2]], "the second is old as well, but one of the two newest good ones"
    assert WEEK.apply(context, plan).ok
    assert sorted(path.name for path in place.iterdir()) == sorted(names[:2])
    again = WEEK.plan(context)
    assert (going(again), again.refusal) == ([], "")
    assert WEEK.apply(context, again).ok


def test_age_is_what_was_recorded_not_name_or_time_of_the_file(place: Path, context: Context, dump: bytes) -> None:
    newest = [write_set(place, hours, dump) for hours in (1, 2)]
    renamed = write_set(place, 400, dump, recorded=100)
    touched = write_set(place, 3, dump, recorded=400)
    os.utime(place / renamed / "arp.dump.gz", (0, 0))
    assert going(WEEK.plan(context)) == [touched]
    kept = {effect.object: effect.note for effect in WEEK.plan(context).effects if effect.verb is Verb.KEEP}
    assert set(kept) == {*newest, renamed}
    assert kept[renamed] == "young enough"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((f"{FINISHED}: 1 databases", STARTED, "[ERROR] x", FAILURE), "last nightly backup failed"),
        ((f"{FINISHED}: 1 databases", STARTED), "has not come to its end"),
    ],
)
def test_retention_after_a_failed_backup_removes_nothing(
    place: Path, context: Context, dump: bytes, lines: tuple[str, ...], why: str
) -> None:
    for hours in (1, 200, 300, 400):
        write_set(place, hours, dump)
    say(context, *lines)
    plan = WEEK.plan(context)
    assert why in plan.refusal
    assert going(plan) == []


def test_retention_before_the_newest_set_is_good_removes_nothing(place: Path, context: Context, dump: bytes) -> None:
    for hours in (200, 300, 400):
        write_set(place, hours, dump)
    assert "old. Nothing is deleted before" in WEEK.plan(context).refusal
    newest = write_set(place, 1, dump, depth=0)
    assert "ARP is not validated" in WEEK.plan(context).refusal
    file = place / newest / "arp.dump.gz"
    manifest = Manifest.read(file)
    assert manifest is not None
    replace(manifest, depth=4).write(file)
    assert len(going(WEEK.plan(context))) == 2


def test_open_incident_holds_everything(place: Path, context: Context, dump: bytes) -> None:
    for hours in (1, 200, 300, 400):
        write_set(place, hours, dump)
    folder = IncidentFolder(context.location("logs") / "incidents" / "INC-20261123-0200-backup-failure")
    folder.path.mkdir(parents=True)
    journal = Journal.create(folder.journal, actor="ada@test", clock=SystemClock())
    journal.append(EventKind.DECLARED, {"id": folder.id, "title": "x", "severity": "SEV-1"})
    assert "holds every backup until it is closed" in WEEK.plan(context).refusal
    journal.append(EventKind.CLOSED, {"reason": "", "unmet": [], "events": 2})
    journal.close(trim=True)
    assert len(going(WEEK.plan(context))) == 2
