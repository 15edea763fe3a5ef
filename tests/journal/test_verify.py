"""Whatever is done to a journal, the check names the first bad event."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.journal.codec import NO_LINE, digest
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import BadInput
from tests.journal.set_clock import SetClock, Write
from tests.support.examples import STRIDE

COUNT = 8


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().rstrip(b"\0").split(b"\n")[:-1]


def put(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def put_byte(path: Path, offset: int, byte: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes([byte]))


def test_whole_journal_is_verified(written: Write) -> None:
    path = written(COUNT)
    verdict = verify(path)
    assert verdict.ok
    assert verdict.events == COUNT
    assert verdict.head == digest(lines_of(path)[-1])
    assert verdict.to_json() == {"ok": True, "events": COUNT, "head": verdict.head, "problem": ""}


def test_empty_journal_is_whole_unless_events_were_told(written: Write) -> None:
    path = written(0)
    assert verify(path).ok
    assert verify(path).head == NO_LINE
    assert verify(path, count=1).problem == "it is truncated: event 1 is missing, and 1 events were told"


@pytest.mark.property
@pytest.mark.parametrize("trim", [True, False])
def test_flipped_byte_is_found_and_its_event_named(written: Write, trim: bool) -> None:
    path = written(COUNT, trim=trim)
    data = path.read_bytes()
    head = verify(path).head
    content = len(data.rstrip(b"\0"))
    starts = [0, *(i + 1 for i, byte in enumerate(data[:content]) if byte == ord("\n"))]
    chance = random.Random(5)
    for offset in range(0, content, STRIDE):
        put_byte(path, offset, data[offset] ^ 1 << chance.randrange(8))
        verdict = verify(path, head=head, count=COUNT)
        assert not verdict.ok, offset
        damaged = sum(start <= offset for start in starts)
        assert verdict.events in (damaged - 1, damaged - 2, COUNT), (offset, verdict)
        if damaged < COUNT:
            assert not verify(path).ok, offset
        put_byte(path, offset, data[offset])


def test_flipped_byte_in_the_padding_is_found(written: Write) -> None:
    path = written(2)
    data = bytearray(path.read_bytes())
    for offset in (len(data) - 1, len(data) // 2):
        data[offset] = 1
        path.write_bytes(data)
        assert "after the last event" in verify(path).problem
        data[offset] = 0


@pytest.mark.parametrize("index", range(COUNT))
def test_dropped_event_is_named(written: Write, index: int) -> None:
    path = written(COUNT)
    head = verify(path).head
    lines = lines_of(path)
    put(path, lines[:index] + lines[index + 1 :])
    verdict = verify(path, head=head, count=COUNT)
    assert f"event {index + 1} is missing" in verdict.problem
    assert verdict.events == index


def test_several_dropped_events_are_named(written: Write) -> None:
    path = written(COUNT)
    lines = lines_of(path)
    put(path, lines[:2] + lines[5:])
    assert verify(path).problem == "events 3 to 5 are missing: event 6 follows event 2"


@pytest.mark.parametrize("first", range(COUNT))
@pytest.mark.parametrize("second", range(COUNT))
def test_swapped_events_are_named(written: Write, first: int, second: int) -> None:
    if first >= second:
        return
    path = written(COUNT)
    lines = lines_of(path)
    lines[first], lines[second] = lines[second], lines[first]
    put(path, lines)
    assert verify(path).problem == f"event {first + 1} is out of order: event {second + 1} stands in its place"


@pytest.mark.parametrize("source", range(COUNT))
@pytest.mark.parametrize("after", range(COUNT))
def test_duplicated_event_is_named(written: Write, source: int, after: int) -> None:
    path = written(COUNT)
    lines = lines_of(path)
    lines.insert(after + 1, lines[source])
    put(path, lines)
    problem = verify(path).problem
    if source <= after + 1:
        assert problem == f"event {source + 1} is duplicated: it stands a second time in line {max(source, after) + 2}"
    else:
        assert problem == f"event {after + 2} is out of order: event {source + 1} stands in its place"


def test_cut_end_is_found_by_count_or_head_only(written: Write) -> None:
    path = written(COUNT)
    head = verify(path).head
    put(path, lines_of(path)[:-2])
    assert verify(path).ok
    assert "event 7 is missing" in verify(path, count=COUNT).problem
    assert "the end is missing" in verify(path, head=head).problem


def test_head_told_earlier_still_holds_after_more_events(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("note", {})
    told = journal.head
    journal.append("note", {})
    assert verify(path, head=told, count=1).ok
    assert verify(path, head=told.upper() + "\n").ok
    assert "event 2 was changed" in verify(path, head=told, count=2).problem
    assert not verify(path, head="0" * 63 + "1").ok


def test_chain_built_anew_fails_against_the_heads_inside_and_outside(tmp_path: Path, clock: SetClock) -> None:
    true = Journal.create(tmp_path / "true", actor="ada", clock=clock)
    true.append("note", {"text": "it was me"})
    told = true.head
    forged = Journal.create(tmp_path / "forged", actor="ada", clock=clock)
    forged.append("note", {"text": "it was them"})
    forged.append(EventKind.UPDATE, {"message": "all well", "channel": "", "events": 1, "head": told})
    assert "event 2 was changed, or one before it" in verify(tmp_path / "forged").problem
    careful = Journal.create(tmp_path / "careful", actor="ada", clock=clock)
    careful.append("note", {"text": "it was them"})
    careful.append(EventKind.UPDATE, {"message": "all well", "channel": "", "events": 1, "head": careful.head})
    assert verify(tmp_path / "careful").ok
    assert "event 1 was changed" in verify(tmp_path / "careful", head=told, count=1).problem


def test_head_inside_may_be_a_few_events_old_but_must_be_true(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("note", {"n": 1})
    told = {"message": "all well", "channel": "", "events": 1, "head": journal.head}
    journal.append("note", {"n": 2})
    journal.append(EventKind.UPDATE, told)
    assert verify(path).ok
    journal.append(EventKind.UPDATE, told | {"events": 9})
    assert "event 4 was changed" in verify(path).problem


def test_event_count_at_closure_is_checked(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append(EventKind.CLOSED, {"reason": "", "unmet": [], "events": 7})
    assert "the last of 7 events" in verify(path).problem


def test_missing_journal_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no journal"):
        verify(tmp_path / "journal.jsonl")
