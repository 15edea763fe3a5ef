"""The disk of the journal fails in earnest: it turns read-only, gives errors, confirms nothing. No event is lost by
it."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import Failed
from tests.journal.set_clock import SetClock
from tests.support.failing_disk import Disk
from tests.support.mounting import run_or_skip


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path, "errors=remount-ro")
    yield disk
    disk.unmount()


@pytest.fixture
def journal(disk: Disk, tmp_path: Path, clock: SetClock) -> Iterator[Journal]:
    journal = Journal.create(disk.root / "journal.jsonl", actor="ada", clock=clock)
    journal.append("note", {"n": 1})
    journal.name_fallbacks(tmp_path / "second")
    yield journal
    journal.close()


def numbers(path: Path) -> list[object]:
    return [event.body["n"] for event in read(path) if "n" in event.body]


def test_disk_that_turns_read_only_under_the_journal(disk: Disk, journal: Journal, clock: SetClock) -> None:
    disk.turn_read_only()
    journal.append("note", {"n": 2})
    assert journal.away is not None
    assert journal.events[-2].kind == EventKind.JOURNAL_FAILED_OVER
    assert "Read-only file system" in journal.events[-2].body["reason"]
    assert numbers(journal.path) == [1, 2]
    assert verify(journal.path).ok
    assert not journal.join()
    journal.close()
    with pytest.raises(Failed, match="cannot be opened for writing: Read-only file system"):
        Journal.open(journal.path, actor="bob", clock=clock)
    disk.unmount()
    disk.mount()
    mended = Journal.open(journal.path, actor="carol", clock=clock)
    assert (mended.away, mended.events[-1].kind) == (None, EventKind.JOURNAL_FAILED_BACK)
    mended.close(trim=True)
    assert numbers(journal.path) == [1, 2]
    assert verify(journal.path).ok
    assert not list((disk.root.parent / "second").iterdir())


def test_journal_on_a_removed_disk_goes_on_in_its_fallback(disk: Disk, journal: Journal, clock: SetClock) -> None:
    disk.pull_out()
    for number in (2, 3):
        journal.append("note", {"n": number})
    moved = next(event for event in journal.events if event.kind == EventKind.JOURNAL_FAILED_OVER)
    assert "Input/output error" in moved.body["reason"]
    with pytest.raises(Failed, match=r"cannot be (read|opened).*Input/output error"):
        read(journal.path)
    assert not journal.join()
    journal.close()
    disk.unmount()
    disk.mount()
    assert numbers(journal.path) == [1, 2, 3]
    assert verify(journal.path) == verify(journal.path, head=journal.head, count=len(journal.events))
    mended = Journal.open(journal.path, actor="bob", clock=clock)
    assert mended.events[:-1] == journal.events
    assert mended.events[-1].kind == EventKind.JOURNAL_FAILED_BACK
    mended.close(trim=True)
    assert verify(journal.path).ok


@pytest.fixture
def lying(tmp_path: Path) -> Iterator[Disk]:
    """An ext4 whose device has less room than it says: a write is taken, and the sync fails."""
    below = tmp_path / "below"
    below.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "midwatch-below", str(below)]
    run_or_skip(*command)
    disk = Disk(below)
    yield disk
    disk.unmount()
    subprocess.run(["umount", "-l", str(below)], check=True, timeout=20)


def test_disk_that_takes_a_write_and_fails_at_the_sync(lying: Disk, tmp_path: Path, clock: SetClock) -> None:
    path = lying.root / "journal.jsonl"
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.name_fallbacks(tmp_path / "second")
    acknowledged = 0
    while journal.away is None:
        acknowledged += 1
        journal.append("note", {"n": acknowledged, "text": "x" * 30_000})
    journal.append("note", {"n": acknowledged + 1})
    moved = next(event for event in journal.events if event.kind == EventKind.JOURNAL_FAILED_OVER)
    assert re.search(r"did not take the journal \((Input/output error|No space left on device)\)", moved.body["reason"])
    assert journal.events[moved.seq - 2].body["n"] == acknowledged, "the very event that failed comes first elsewhere"
    assert numbers(path) == list(range(1, acknowledged + 2))
    assert verify(path).ok
    assert not journal.join(), "a disk that failed is not trusted again by the same driver"
    journal.close()


def test_journal_without_another_place_says_that_its_disk_failed(disk: Disk, clock: SetClock) -> None:
    path = disk.root / "other.jsonl"
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("note", {"n": 1})
    disk.turn_read_only()
    with pytest.raises(Failed, match="cannot be stored: Read-only file system"):
        journal.append("note", {"n": 2})
    journal.close()
    with pytest.raises(Failed, match="cannot be opened for writing: Read-only file system"):
        Journal.open(path, actor="ada", clock=clock)
    assert numbers(path) == [1]


def test_fallback_on_a_copy_on_write_file_system_is_ready_from_the_start(
    small_disk: Path, tmp_path: Path, clock: SetClock
) -> None:
    """An overlay, which hides what is below it, and so counts as one."""
    for name in ("upper", "work", "merged"):
        (small_disk / name).mkdir()
    (tmp_path / "lower").mkdir()
    layers = f"lowerdir={tmp_path}/lower,upperdir={small_disk}/upper,workdir={small_disk}/work"
    merged = small_disk / "merged"
    run_or_skip("mount", "-t", "overlay", "-o", layers, "none", merged)
    try:
        journal = Journal.create(merged / "journal.jsonl", actor="ada", clock=clock)
        journal.append("note", {"n": 1})
        journal.name_fallbacks(tmp_path / "second")
        told = journal.events[-1].body
        assert told["copy_on_write"] == "overlay"
        standby = Path(told["standby"])
        assert standby.parent == tmp_path / "second"
        assert standby.stat().st_size == 1 << 20
        assert verify(journal.path).ok
        journal.close(trim=True)
        assert not standby.exists()
        with contextlib.closing(Journal.open(journal.path, actor="bob", clock=clock)) as again:
            again.name_fallbacks(tmp_path / "second")
            assert again.events == journal.events, "nothing new to tell"
            assert standby.exists()
    finally:
        subprocess.run(["umount", "-l", merged], check=True, timeout=20)
