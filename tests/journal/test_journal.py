"""What is acknowledged is on disk, whatever happens to the writer or to the disk."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.journal.codec import NO_LINE
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import BadInput, Failed, Refused
from tests.journal.set_clock import SetClock, Write

WRITER = """
import sys
from pathlib import Path
from midwatch.system.clock import SystemClock
from midwatch.journal.writer import Journal
path = Path(sys.argv[1])
clock = SystemClock()
journal = Journal.open(path, actor="w", clock=clock) if path.exists() else Journal.create(path, actor="w", clock=clock)
while True:
    event = journal.append("note", {"text": "x" * (len(journal.events) % 9000), "at": None})
    print(event.seq, flush=True)
"""


def test_appended_event_is_what_a_reader_sees(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada@test", clock=clock)
    first = journal.append(EventKind.NOTE, {"text": "\x1b]52;c;eA==\x07 \udc80 \x7f é 🜂", "at": None, "list": (1, 2)})
    clock.on(2.5)
    second = journal.append("future.kind", {"new": True})
    assert read(path) == journal.events == [first, second]
    assert first.body["list"] == [1, 2]
    assert first.body["text"] == "\x1b]52;c;eA==\x07 \udc80 \x7f é 🜂"
    assert (second.seq, second.mono, second.actor) == (2, 1002.5, "ada@test")
    assert verify(path).ok
    assert verify(path).head == journal.head
    journal.close()


def test_second_journal_never_replaces_the_first(written: Write, clock: SetClock) -> None:
    path = written(3)
    before = path.read_bytes()
    with pytest.raises(Refused, match="already"):
        Journal.create(path, actor="bob", clock=clock)
    assert path.read_bytes() == before


def test_going_on_continues_the_chain(written: Write, clock: SetClock) -> None:
    path = written(3)
    journal = Journal.open(path, actor="bob", clock=clock)
    journal.append("note", {"text": "four", "at": None})
    assert [event.seq for event in read(path)] == [1, 2, 3, 4]
    journal.close(trim=True)
    assert verify(path) == verify(path, head=journal.head, count=4)
    assert path.read_bytes().endswith(b"}\n")
    assert b"\0" not in path.read_bytes()
    again = Journal.open(path, actor="bob", clock=clock)
    again.append("note", {"text": "five", "at": None})
    again.close()
    assert verify(path).events == 5


def test_clock_that_is_set_back_does_not_disorder_the_journal(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada", clock=clock)
    first = journal.append("note", {})
    clock.time -= timedelta(hours=1)
    clock.seconds += 5
    second = journal.append("note", {})
    journal.close()
    reopened = Journal.open(path, actor="ada", clock=clock)
    third = reopened.append("note", {})
    reopened.close()
    assert first.time == second.time == third.time
    assert second.mono - first.mono == 5


def test_body_that_is_refused_leaves_no_trace(written: Write, clock: SetClock) -> None:
    path = written(2)
    journal = Journal.open(path, actor="ada", clock=clock)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="65,536"):
        journal.append("note", {"text": "é" * 11_000})
    assert path.read_bytes() == before
    assert len(journal.events) == 2
    journal.append("note", {"text": "x" * 60_000})
    assert verify(path).events == 3


def test_journal_shared_by_threads_holds_every_event(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada", clock=clock)
    threads = [threading.Thread(target=lambda: [journal.append("note", {"n": n}) for n in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert verify(path).ok
    assert len(read(path)) == 200


@pytest.mark.slow
def test_acknowledged_event_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    acknowledged = 0
    for round_number in range(12):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(20 + round_number * 7):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split("\n")[:-1]  # a number cut short by the kill was not told
        writer.wait(30)
        acknowledged = max([acknowledged, *map(int, rest)])
        events = read(path)
        assert acknowledged <= len(events) <= acknowledged + 1
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
    clock = SetClock()
    Journal.open(path, actor="end", clock=clock).close()
    assert verify(path).ok


@pytest.mark.parametrize("cut", [1, 2, 40, 120])
@pytest.mark.parametrize("padded", [True, False])
def test_torn_last_line_is_cut_and_the_cut_is_told(written: Write, clock: SetClock, cut: int, padded: bool) -> None:
    path = written(3, trim=True)
    data = path.read_bytes()
    torn = data[data.rindex(b"\n", 0, -1) + 1 : -cut]
    path.write_bytes(data[:-cut] + (b"\0" * 5000 if padded else b""))
    assert len(read(path)) == 2
    assert "torn" in verify(path).problem
    journal = Journal.open(path, actor="bob", clock=clock)
    repaired = journal.events[-1]
    assert (repaired.seq, repaired.kind, repaired.actor) == (3, EventKind.JOURNAL_REPAIRED, "bob")
    assert repaired.body == {"dropped_bytes": len(torn), "dropped_sha256": hashlib.sha256(torn).hexdigest()}
    assert path.with_name("journal.jsonl.cut-3").read_bytes() == torn
    journal.append("note", {"text": "on", "at": None})
    assert verify(path).events == 4
    assert read(path) == journal.events
    journal.close()


@pytest.mark.parametrize("rubbish", [b"rubbish\n", b"rubbish", b"{}\n", b"a\0\0\0b", b"\0\0\0tail\n", b"y" * 300_000])
def test_rubbish_behind_the_last_event_is_cut(written: Write, clock: SetClock, rubbish: bytes) -> None:
    path = written(2, trim=True)
    with path.open("ab") as file:
        file.write(rubbish + b"\0" * 100)
    assert len(read(path)) == 2
    journal = Journal.open(path, actor="bob", clock=clock)
    journal.close()
    assert journal.events[-1].body["dropped_bytes"] == len(rubbish)
    assert verify(path).events == 3


def test_broken_chain_is_never_continued(written: Write, clock: SetClock) -> None:
    path = written(5)
    path.write_bytes(path.read_bytes().replace(b"event 3", b"event X"))
    before = path.read_bytes()
    with pytest.raises(Refused, match="event 3 was changed"):
        Journal.open(path, actor="bob", clock=clock)
    assert path.read_bytes() == before


def test_rubbish_in_the_middle_is_damage_and_not_a_torn_line(written: Write, clock: SetClock) -> None:
    path = written(3)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], b"rubbish", *lines[1:]]))
    with pytest.raises(Refused, match="event 2 was changed"):
        Journal.open(path, actor="bob", clock=clock)
    with pytest.raises(BadInput, match=r"journal\.jsonl:2: This line of the journal is not an event"):
        read(path)


def test_second_writer_is_noticed_before_it_can_tear_the_chain(written: Write, clock: SetClock) -> None:
    path = written(1)
    one = Journal.open(path, actor="ada", clock=clock)
    two = Journal.open(path, actor="bob", clock=clock)
    one.append("note", {})
    with pytest.raises(Failed, match="Another process writes"):
        two.append("note", {})
    assert verify(path).events == 2


def test_failed_sync_is_never_retried_as_if_it_had_worked(
    written: Write, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(1)
    journal = Journal.open(path, actor="ada", clock=clock)

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(Failed, match="did not take the journal"):
            journal.append("note", {})
    assert len(journal.events) == 1
    with pytest.raises(Failed, match="did not take the journal"):
        journal.append("note", {})
    journal.close()


def test_closed_journal_refuses_an_event(written: Write, clock: SetClock) -> None:
    journal = Journal.open(written(1), actor="ada", clock=clock)
    journal.close()
    journal.close()
    with pytest.raises(Refused, match="closed"):
        journal.append("note", {})


def test_missing_journal_and_missing_rights_fail_by_sentence(tmp_path: Path, clock: SetClock) -> None:
    for attempt in (lambda: Journal.open(tmp_path / "no", actor="a", clock=clock), lambda: read(tmp_path / "no")):
        with pytest.raises(BadInput, match="There is no journal"):
            attempt()
    with pytest.raises(Failed, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(Failed, match="cannot be made"):
        Journal.create(tmp_path / "missing" / "journal.jsonl", actor="a", clock=clock)


def test_format_can_be_checked_with_a_few_lines_of_python(written: Write) -> None:
    """What docs/journal.md says, done without any of our code."""
    prev = NO_LINE
    for number, line in enumerate(written(5).read_bytes().split(b"\0")[0].splitlines(), start=1):
        event = json.loads(line)
        assert event["seq"] == number
        assert event["prev"] == prev
        prev = hashlib.sha256(line).hexdigest()
