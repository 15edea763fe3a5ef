"""A journal whose disk is full goes on elsewhere, is read as one, and comes back; on a real full disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from midwatch.incident.events import Event, EventKind
from midwatch.journal import fallback_locations
from midwatch.journal.reader import Tail, read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import BadInput, Failed, Refused
from tests.journal.fallbacks import LONG, begun, limited_to, moved
from tests.journal.set_clock import SetClock
from tests.support.filling import fill

pytestmark = pytest.mark.slow


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A folder on another disk than the small one."""
    return tmp_path / "second"


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events if event.kind != "note"]


def test_events_after_the_reserve_go_to_the_fallback_and_come_back(
    small_disk: Path, second: Path, clock: SetClock
) -> None:
    path = small_disk / "journal.jsonl"
    journal = begun(path, second, clock)
    observer, seen = Tail(path), list[Event]()
    filler = fill(small_disk)
    told = moved(journal)
    for number in range(50):
        clock.on(1)
        journal.append("note", {"n": number})
        seen += observer.poll()
        if number == 20:
            filler.unlink()
        if number == 30:
            assert journal.join()
            assert journal.away is None
    assert told.body["to"].startswith(str(second))
    assert "reserve is used up" in told.body["reason"]
    assert kinds(journal.events) == [
        "incident.declared",
        EventKind.JOURNAL_FALLBACKS,
        EventKind.JOURNAL_FAILED_OVER,
        EventKind.JOURNAL_FAILED_BACK,
    ]
    assert seen == read(path) == journal.events
    assert verify(path) == verify(path, head=journal.head, count=len(journal.events))
    assert verify(path).ok
    assert not list(second.iterdir())
    journal.close(trim=True)


def test_events_in_the_fallback_are_read_verified_and_continued(
    small_disk: Path, second: Path, clock: SetClock
) -> None:
    path = small_disk / "journal.jsonl"
    journal = begun(path, second, clock)
    filler = fill(small_disk)
    moved(journal)
    journal.append("note", {"n": 1})
    journal.close(trim=True)
    assert read(path) == journal.events
    assert verify(path).events == len(journal.events)
    again = Journal.open(path, actor="bob", clock=clock)
    assert again.away
    assert again.events == journal.events
    again.append("note", {"n": 2})
    assert not again.join()
    again.close()
    filler.unlink()
    third = Journal.open(path, actor="carol", clock=clock)
    assert third.away is None
    assert third.events[-1].kind == EventKind.JOURNAL_FAILED_BACK
    assert [event.body.get("n") for event in read(path)][-3:] == [1, 2, None]
    assert not list(second.iterdir())
    third.close(trim=True)
    assert verify(path).ok
    assert b"\0" not in path.read_bytes()


def test_second_place_that_fills_up_as_well_leads_to_a_third(small_disk: Path, tmp_path: Path, clock: SetClock) -> None:
    path = small_disk / "journal.jsonl"
    journal = begun(path, tmp_path / "second", clock)
    named = [Path(file) for file in journal.events[1].body["files"]]
    assert len(named) > 1, "there is another file system here, in memory at least"
    fill(small_disk)
    first = moved(journal)
    with limited_to(1 << 20):
        while sum(event.kind == EventKind.JOURNAL_FAILED_OVER for event in journal.events) < 2:
            journal.append("note", LONG)
        journal.append("note", {"n": 3})
        assert [first.body["to"], str(journal.away)] == [str(file) for file in named[:2]]
        assert read(path) == journal.events
        assert verify(path).ok
    (small_disk / "filler").unlink()
    assert journal.join()
    assert read(path) == journal.events
    assert not any(file.exists() for file in named)
    journal.close()


def test_journal_without_any_location_is_one_sentence_with_every_reason(
    small_disk: Path, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    monkeypatch.setattr(fallback_locations, "usual_folders", lambda: iter([missing]))
    journal = begun(small_disk / "journal.jsonl", small_disk / "same-disk", clock)
    shutil.rmtree(missing)
    fill(small_disk)
    reasons = rf"no other place takes it either \({small_disk}/same-disk: No space left on device; .*missing: No such"
    with pytest.raises(Failed, match=reasons) as refused:  # noqa: PT012 - until it is used up
        while True:
            journal.append("note", LONG)
    assert str(small_disk) in refused.value.hint
    assert journal.away is None
    assert verify(journal.path).ok
    journal.close()


def test_declared_place_that_cannot_be_used_is_told(small_disk: Path, tmp_path: Path, clock: SetClock) -> None:
    (tmp_path / "file").touch()
    journal = begun(small_disk / "journal.jsonl", tmp_path / "file" / "second", clock)
    assert journal.events[1].body["problem"] == f"{tmp_path}/file/second cannot be made: Not a directory"
    assert journal.events[1].body["files"]
    journal.close()


@pytest.fixture
def parted(small_disk: Path, second: Path, clock: SetClock) -> tuple[Path, Path]:
    """A journal of which a few events stand in its second place: both files."""
    path = small_disk / "journal.jsonl"
    journal = begun(path, second, clock)
    fill(small_disk)
    moved(journal)
    for number in range(4):
        journal.append("note", {"n": number})
    journal.close(trim=True)
    assert verify(path).ok
    return path, next(second.iterdir())


def test_first_bad_event_is_named_in_whichever_file_it_stands(parted: tuple[Path, Path]) -> None:
    path, other = parted
    data, count = other.read_bytes(), verify(path).events
    lines = data.splitlines(keepends=True)
    first = count - len(lines) + 1
    for at in range(0, len(data) - len(lines[-1]), 97):
        other.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        hit = first + data[:at].count(b"\n")
        problem = verify(path).problem
        assert any(f"event{s} {n}" in problem for s in ("", "s") for n in (hit, hit + 1)), (at, problem)
    other.write_bytes(b"".join(lines[1:]))
    assert f"event {first} is missing" in verify(path).problem
    other.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    assert f"event {first + 1} is out of order" in verify(path).problem
    other.write_bytes(b"".join([*lines[:2], *lines[1:]]))
    assert f"event {first + 1} is duplicated" in verify(path).problem
    other.unlink()
    assert (
        verify(path).problem == f"it goes on in {other}, which is not there: what follows event {first - 1} is missing"
    )


def test_two_files_that_tell_different_events_are_damage(parted: tuple[Path, Path], clock: SetClock) -> None:
    path, other = parted
    data = other.read_bytes()
    other.unlink()
    (path.parent / "filler").unlink()
    count = len(read(path))
    with pytest.raises(Refused, match="which is not there"):
        Journal.open(path, actor="bob", clock=clock)
    with path.open("r+b") as file:  # somebody goes on without it by force
        lines = path.read_bytes().rstrip(b"\0")
        forged = data.splitlines(keepends=True)[0].replace(b'"text":"x', b'"text":"y')
        file.seek(len(lines))
        file.write(forged)
    other.write_bytes(data)
    assert f"event {count + 1} is there twice, and differs" in verify(path).problem
    with pytest.raises(Refused, match="is there twice"):
        Journal.open(path, actor="bob", clock=clock)
    assert other.read_bytes() == data


def test_events_in_memory_are_named_as_lost_after_a_reboot_alone(
    small_disk: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The boot id is another's; the file in memory is gone, as after a restart."""
    path = small_disk / "journal.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("midwatch.journal.store.boot_id", lambda: "the boot before")
        patch.setattr(fallback_locations, "usual_folders", lambda: iter([Path("/dev/shm")]))
        journal = begun(path, None, clock)
        fill(small_disk)
        told = moved(journal)
        journal.close()
    assert told.body["in_memory"]
    Path(told.body["to"]).unlink()
    (small_disk / "filler").unlink()
    again = Journal.open(path, actor="bob", clock=clock)
    assert again.events[-1].kind == EventKind.JOURNAL_FALLBACK_LOST
    assert again.events[-1].body == {"file": told.body["to"], "after": told.seq}
    again.append("note", {})
    again.close(trim=True)
    assert verify(path).ok


def test_file_that_a_journal_names_is_never_waited_for_nor_believed(
    small_disk: Path, tmp_path: Path, clock: SetClock
) -> None:
    """Somebody has put a FIFO, a folder and rubbish where the journal says that it may go on."""
    path = small_disk / "journal.jsonl"
    names = [tmp_path / f"{small_disk.name}.{kind * 16}.jsonl" for kind in "abc"]  # a pipe, a folder, rubbish
    journal = begun(path, None, clock)
    journal.append(EventKind.JOURNAL_FALLBACKS, {"files": [str(name) for name in names], "problem": ""})
    os.mkfifo(names[0])
    names[1].mkdir()
    names[2].write_bytes(b"\x1b[2J" * 1000)
    assert read(path) == journal.events
    assert verify(path).ok
    journal.close()
    with pytest.raises(BadInput, match="There is no journal"):
        read(tmp_path / "none")
