"""What goes wrong around a dump, caused on the real thing: queues, slow and failing disks, ends of processes, names
taken."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.destinations.folder import FolderWriter
from actions.dump import dump_progress, lock_waiters
from actions.dump.dump_stream import dump_into
from actions.dump.dump_target import inspect_target
from actions.emergency_backup import EmergencyBackup
from actions.restore import Restore
from actions.validate_backup import ValidateBackup
from drill.production import Production
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, Failed, MidwatchError
from probes.backup.backup_catalog import backups_of
from tests.support.emergency_backups import Pausing, files, interrupted, save
from tests.support.failing_disk import Disk
from tests.support.superuser import superuser
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")


def test_session_that_waits_behind_the_dump_is_named(
    noise: Target, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_waiters, "LOOK", 0.1)
    threads: list[threading.Thread] = []
    heard: list[str] = []

    def alter() -> None:
        with superuser(noise, noise.database) as connection:
            connection.execute("ALTER TABLE noise ADD COLUMN more int")

    def queue() -> None:
        threads.append(threading.Thread(target=alter))
        threads[0].start()
        wait_for(lambda: any("waits for noise until the dump ends" in line for line in console.said))

    action, console = EmergencyBackup(noise), Pausing(queue)
    action.apply(replace(context, console=console), action.plan(context))
    threads[0].join(30)
    heard = [line for line in console.said if "until the dump ends" in line]
    (told,) = heard
    assert told.startswith("ARP: pid ")
    assert ", postgres, open for " in told
    assert "ALTER TABLE noise ADD COLUMN more int" in told
    assert told.endswith("and whoever comes after it waits as well")


class Slow(FolderWriter):
    """A destination that takes the first bytes only after a while."""

    def write(self, data: bytes) -> None:
        began = datetime.now(UTC)
        wait_for(lambda: self._count or (datetime.now(UTC) - began).total_seconds() > dump_progress.OLD)
        super().write(data)


def test_slow_destination_holds_a_snapshot_whose_age_is_told(
    noise: Target, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump_progress, "OLD", 0.3)
    monkeypatch.setattr(dump_progress, "_LOOK", 0.0)
    told: list[tuple[str, bool]] = []

    def say(text: str) -> None:
        with superuser(noise, noise.database) as connection:
            held = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                "application_name = 'midwatch'"
            )
            row = connection.execute(held.encode() + b" AND backend_xmin IS NOT NULL").fetchone()
        told.append((text, row is not None and int(row[0]) > 0))

    source = inspect_target(context.runbook, noise)
    dump_into(source.route, source.tools, Slow(tmp_path / "slow.gz"), lambda done, total: None, say=say)
    assert ("vacuum cannot remove" in told[0][0], told[0][1]) == (True, True)


class Stopped(SystemClock):
    """A clock that stands still: two backups begin in one second."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)


def test_name_of_the_same_second_is_never_taken_twice(noise: Target, context: Context) -> None:
    context = replace(context, clock=Stopped())
    refused: list[MidwatchError] = []

    def another() -> None:
        with pytest.raises(MidwatchError, match="Another backup began in the same second; run it again") as caught:
            save(noise, context)
        refused.append(caught.value)

    interrupted(noise, context, another)
    assert len(refused) == 1
    (first, _) = files(context)
    before = (context.location("emergency") / first).read_bytes()
    with pytest.raises(MidwatchError, match="is there already"):
        save(noise, context)
    assert (context.location("emergency") / first).read_bytes() == before
    assert len(files(context)) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from actions.dump.dump_stream import dump
from actions.dump.dump_target import inspect_target
from midwatch.runbook.loader import load

def kill(done, total=None):
    if done > 500_000:
        os.kill(os.getpid(), signal.SIGKILL)

runbook = load(Path(sys.argv[1]), site=Path(sys.argv[2]))
source = inspect_target(runbook, runbook.targets["arp-db-prod"])
dump(source.route, source.tools, Path(sys.argv[3]), kill)
"""


def test_compressor_that_is_killed_leaves_no_backup_and_no_dump(
    arp: Target, context: Context, production: Production
) -> None:
    """It is this process; whatever it had written has no name that anything takes for a backup."""
    place = context.location("emergency")
    place.mkdir()
    earlier = backups_of(context.runbook, arp)  # elsewhere, by other tests
    assert context.runbook.site is not None
    argv = [
        sys.executable,
        "-c",
        KILLED,
        production.runbook,
        context.runbook.site,
        place / "arp-prod-20261123-021407.sql.gz",
    ]
    assert subprocess.run([str(one) for one in argv], check=False, timeout=60).returncode == -9
    (left,) = files(context)
    assert left.startswith(".arp-prod-")
    assert backups_of(context.runbook, arp) == earlier
    with superuser(arp) as admin:
        wait_for(
            lambda: not admin.execute("SELECT FROM pg_stat_activity WHERE application_name = 'midwatch'").fetchall()
        )
    with pytest.raises(BadInput, match="no backup matches it"):
        ValidateBackup(path=str(place)).plan(context)
    assert save(arp, context).ok


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path, "errors=remount-ro")
    yield disk
    disk.unmount()


@as_root
@pytest.mark.parametrize(
    ("happen", "words"),
    [
        (Disk.turn_read_only, "The backup cannot be written: Read-only file system"),
        (Disk.pull_out, "The backup cannot be written: Input/output error"),
    ],
    ids=["turns read-only", "is pulled out"],
)
def test_disk_that_fails_in_mid_dump_publishes_nothing(
    noise: Target, context: Context, disk: Disk, happen: Callable[[Disk], None], words: str
) -> None:
    (disk.root / "earlier").write_text("kept")
    os.sync()
    context = at(context, disk.root)
    with pytest.raises(Failed, match=words):
        interrupted(noise, context, lambda: happen(disk))
    disk.unmount()
    disk.mount()
    named = [path.name for path in disk.root.iterdir() if not path.name.startswith(".")]
    assert sorted(named) == ["earlier", "lost+found"]


@as_root
def test_place_without_an_inode_is_named_as_such(noise: Target, context: Context, disk: Disk) -> None:
    context = at(context, disk.root / "emergency")
    (disk.root / "emergency").mkdir()
    plan = EmergencyBackup(noise).plan(context)
    assert plan.refusal == ""
    (disk.root / "many").mkdir()
    with contextlib.suppress(OSError):
        for number in range(100_000):
            (disk.root / "many" / str(number)).touch()
    assert os.statvfs(disk.root).f_bavail > 1000
    with pytest.raises(Failed, match="cannot be made: no inode is left, whatever space is free"):
        EmergencyBackup(noise).apply(context, plan)
    assert "has no inode left for another file, whatever space is free" in EmergencyBackup(noise).plan(context).refusal


def at(context: Context, place: Path) -> Context:
    return replace(
        context, runbook=replace(context.runbook, locations={**context.runbook.locations, "emergency": str(place)})
    )


def test_which_of_several_backups_is_meant_has_to_be_said(arp: Target, context: Context, tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.mkdir()
    pattern = str(place / "arp-prod-*.gz")

    def told(path: str) -> str:
        with pytest.raises(BadInput) as caught:
            ValidateBackup(path=path).plan(context)
        assert str(caught.value) in Restore(arp, path=Path(path)).plan(context).refusal
        return str(caught.value)

    assert told(pattern).endswith("is a pattern, and no backup matches it. Name the backup file.")
    (place / "arp-prod-20261123-020000.sql.gz").touch()
    (place / "arp-prod-20261123-020000.sql.gz.manifest.json").write_text("{}")
    assert not ValidateBackup(path=pattern).plan(context).refusal, "one is no choice"
    outcome = ValidateBackup(path=pattern).apply(context, ValidateBackup(path=pattern).plan(context))
    assert (outcome.ok, "the file is empty" in outcome.summary) == (False, True)
    assert "is a folder with one file, newest first: arp-prod-20261123-" in told(str(place))
    assert "cannot be read by pg_restore" in Restore(arp, path=Path(pattern)).plan(context).refusal
    (place / "arp-prod-20261124-020000.sql.gz").touch()
    newest_first = "arp-prod-20261124-020000.sql.gz, arp-prod-20261123-020000.sql.gz"
    names = f"with 2 files, newest first: {newest_first}. Name the backup that is meant."
    assert told(pattern).endswith(f"is a pattern {names}")
    assert told(str(place)).endswith(f"is a folder {names}")
    assert "is not there. The newest of that kind is arp-prod-20261124-" in told(
        str(place / "arp-prod-20261125-020000.sql.gz")
    )


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("--fsize=1000000", "The backup cannot be written: File too large, after 1.0 MB"),
        ("--nofile=10", "The backup failed: Too many open files"),
    ],
)
def test_limit_of_the_process_is_a_sentence_and_publishes_nothing(
    production: Production, arp: Target, tmp_path: Path, limit: str, words: str
) -> None:
    """Larger files than it may write; more files than it may open."""
    midwatch = Path(sys.executable).with_name("midwatch")
    command = ["prlimit", limit, midwatch, "action", "emergency-backup", "--target", arp.name, "--yes"]
    where = ["--destination", tmp_path / "place", "--runbook", production.runbook, "--site", production.site]
    done = subprocess.run([*command, *where], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert words in done.stderr, done
    assert "Traceback" not in done.stderr
    place = tmp_path / "place"
    assert not place.exists() or list(place.iterdir()) == []
