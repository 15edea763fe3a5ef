"""Events land in the space that was taken ahead when the disk is full, on a real full disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import Failed
from tests.journal.set_clock import SetClock
from tests.support.filling import fill


def test_events_land_in_the_reserve_when_the_disk_is_full(small_disk: Path, clock: SetClock) -> None:
    journal = Journal.create(small_disk / "journal.jsonl", actor="ada", clock=clock)
    filler = fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "proof").write_bytes(b"x" * 4096)
    reserved = journal.reserved
    assert reserved == 1 << 20
    stored = 0
    with pytest.raises(Failed, match="reserve is used up") as refused:  # noqa: PT012 - until it is used up
        while True:
            journal.append("note", {"text": "x" * 2000, "at": None})
            stored += 1
    assert "Make room" in refused.value.hint
    assert stored == reserved // (len(journal.path.read_bytes().split(b"\n")[-2]) + 1)
    assert len(read(journal.path)) == stored
    assert verify(journal.path).ok
    filler.unlink()
    journal.append("note", {"text": "there is room again", "at": None})
    assert verify(journal.path).events == stored + 1
    journal.close()


def test_torn_line_is_repaired_on_a_full_disk(small_disk: Path, clock: SetClock) -> None:
    path = small_disk / "journal.jsonl"
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("note", {"text": "one", "at": None})
    end = len(path.read_bytes().rstrip(b"\0"))
    journal.close()
    with path.open("r+b") as file:
        file.seek(end)
        file.write(b'{"seq":2,"time')
    fill(small_disk)
    again = Journal.open(path, actor="ada", clock=clock)
    again.append("note", {"text": "two", "at": None})
    assert [event.kind for event in read(path)] == ["note", "journal.repaired", "note"]
    assert verify(path).ok
    again.close()


def test_torn_line_that_a_power_cut_brings_back_is_passed_over(
    small_disk: Path, tmp_path: Path, clock: SetClock
) -> None:
    """The repair finds no room, so the torn bytes are blanked and the journal goes on elsewhere; the blank is lost."""
    path, end = small_disk / "journal.jsonl", 0
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.name_fallbacks(tmp_path / "second")
    while not 3750 < end % 4096 < 4070:  # nothing but the torn bytes has room in the last page
        journal.append("note", {"text": "x" * (len(journal.events) % 50)})
        end = len(path.read_bytes().rstrip(b"\0"))
    journal.close(trim=True)
    torn = b'{"seq":2,"time'
    with path.open("ab") as file:
        file.write(torn)
    filler = fill(small_disk)
    again = Journal.open(path, actor="ada", clock=clock)
    assert again.away is not None
    assert path.read_bytes() == path.read_bytes()[:end] + bytes(len(torn))
    with path.open("r+b") as file:
        file.seek(end)
        file.write(torn)
    again.append("note", {"text": "two"})
    assert [read(path), verify(path).ok] == [again.events, True]
    again.close()
    later = Journal.open(path, actor="bob", clock=clock)
    later.append("note", {"text": "three"})
    assert [read(path), verify(path).ok, later.away is None] == [later.events, True, False]
    filler.unlink()
    assert later.join()
    assert [event.kind for event in later.events[-5:]] == [
        "journal.failed_over", "journal.repaired", "note", "note", "journal.failed_back"
    ]  # fmt: skip
    assert [read(path), verify(path).ok] == [later.events, True]
    later.close()


def test_journal_on_a_full_disk_is_refused_or_has_at_least_some_reserve(small_disk: Path, clock: SetClock) -> None:
    filler = fill(small_disk)
    with pytest.raises(Failed, match="No space left on device") as refused:
        Journal.create(small_disk / "journal.jsonl", actor="ada", clock=clock)
    assert "locations.logs" in refused.value.hint
    assert not (small_disk / "journal.jsonl").exists()
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - 80_000)
    journal = Journal.create(small_disk / "journal.jsonl", actor="ada", clock=clock)
    assert 4096 <= journal.reserved < 1 << 20
    journal.append("note", {"text": "small, but it is there", "at": None})
    journal.close()


def test_reserve_grows_ahead_of_need(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada", clock=clock)
    for _ in range(40):
        journal.append("note", {"text": "x" * 50_000})
        assert journal.reserved >= (1 << 19) - 60_000
        assert path.stat().st_blocks * 512 >= path.stat().st_size
    journal.close()
