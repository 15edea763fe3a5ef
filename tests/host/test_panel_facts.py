"""What panels know beyond their rows: what fills a disk that fills, and whether a backup is odd beside those before
it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from midwatch.api.probe import Level
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.clock import SystemClock
from midwatch.system.units import Percent
from probes.backup.backup_catalog import BackupFile, being_written
from probes.backup.manifest import Manifest
from probes.backup.size_anomaly import backup_facts, oddity
from probes.backups import BackupsProbe
from probes.disk import DiskProbe
from tests.support.host_world import MakeRunbook

NIGHT = datetime(2026, 11, 23, 2, tzinfo=UTC)


def backup(
    day: int, size: int, *, emergency: bool = False, depth: int = 0, folder: Path = Path("/nowhere")
) -> BackupFile:
    """One that was made so many days ago."""
    at = NIGHT - timedelta(days=day)
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    manifest = Manifest(
        "arp", "arp", stamp, stamp, size, "ab" * 32, 0, "15", "pg_dump 17", "x", depth=depth, validated=stamp
    )
    return BackupFile(folder / f"arp.{day}.gz", at, size, emergency, manifest)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([100, 101, 99, 100], ""),
        ([20, 101, 99, 100], "20% of the usual size"),
        ([300, 101, 99, 100], "300% of the usual size"),
        ([20, 100, 100], ""),  # too few to say what is usual
        ([20, 0, 0, 0], ""),
    ],
)
def test_size_far_from_the_usual_is_odd(sizes: list[int], said: str) -> None:
    found = [backup(day, size) for day, size in enumerate(sizes)]
    assert oddity(found[0], found) == said
    assert oddity(backup(0, 20, emergency=True), found) == ""  # the others were made in another way


def test_page_of_a_backup_says_how_late_and_how_deeply_validated(tmp_path: Path) -> None:
    newest = backup(1, 4, depth=3, folder=tmp_path)
    newest.path.write_bytes(b"1234")
    older = backup(9, 4, depth=5)
    facts = dict(backup_facts(newest, [newest, older], 30 * 3600.0, 26 * 3600.0, ""))
    assert facts["last good"] == "2026-11-22 02:00 UTC, 1 d 6 h ago"
    assert facts["RPO"] == "1 d 2 h, late by 4 h"
    assert facts["checksum"] == "SHA-256 abababababababab recorded and found to hold"
    assert facts["validated"] == "depth 3, read to the end, 2026-11-22 02:00 UTC"
    assert facts["deepest"] == "depth 5, restored, 2026-11-14 02:00 UTC: arp.9.gz"
    assert facts["kept"] == "2 nightly"
    newest.path.write_bytes(b"12345")
    facts = dict(backup_facts(newest, [newest], 1.0, 26 * 3600.0, ""))
    assert "it was changed" in facts["checksum"]


def test_panel_names_the_largest_entries_after_the_diagnosis(tmp_path: Path, make_runbook: MakeRunbook) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "set.gz").write_bytes(b"x" * 3_000_000)
    probe = DiskProbe((tmp_path,), warn=Percent(0.0))
    facts: dict[str, list[str]] = {}
    deadline = time.monotonic() + 30
    while "biggest" not in facts:
        assert time.monotonic() < deadline
        row = probe.read(make_runbook(), SystemClock()).rows[0]
        facts = {}
        for label, text in row.facts:
            facts.setdefault(label, []).append(text)
        time.sleep(0.02)
    assert row.level in (Level.WARN, Level.CRITICAL)
    assert any(text.startswith("3.0 MB  old/") for text in facts[""])
    assert {"used", "free", "growth", "limits"} <= set(facts)
    assert row.limits == (0.0, 95.0)


@pytest.mark.parametrize(
    "name", ["backups/prod/.20261123-020000.partial/.arp.gz.partial", "emergency-backup/.arp-prod-1.gz.partial"]
)
def test_panel_tells_a_backup_being_written_from_an_abandoned_one(
    tmp_path: Path, make_runbook: MakeRunbook, name: str
) -> None:
    target = Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP", host="x")
    runbook = make_runbook(targets={"arp-db-prod": target})
    assert being_written(runbook, target) is None
    path = runbook.base / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 5000)
    assert being_written(runbook, target) == path
    (row,) = BackupsProbe().read(runbook, SystemClock()).rows
    assert row.text == "none, 5.0 kB being written"
    assert row.facts == (("running now", "5.0 kB being written"),)
    os.utime(path, (1, 1))
    assert being_written(runbook, target) is None
