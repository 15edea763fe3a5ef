"""An observer sees each event once, whatever happens to the file meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.journal.reader import Tail
from midwatch.journal.writer import Journal
from midwatch.system.errors import BadInput
from tests.journal.set_clock import SetClock, Write


def test_tail_sees_each_event_once_while_it_is_written_repaired_and_trimmed(path: Path, clock: SetClock) -> None:
    journal = Journal.create(path, actor="ada", clock=clock)
    tail = Tail(path)
    assert tail.poll() == []
    one = journal.append("note", {"n": 1})
    assert tail.poll() == [one]
    assert tail.poll() == []
    end = len(path.read_bytes().rstrip(b"\0"))
    journal.close()
    with path.open("r+b") as file:
        file.seek(end)
        file.write(b'{"seq":2,"ti')
    assert tail.poll() == []
    journal = Journal.open(path, actor="bob", clock=clock)
    three = journal.append("note", {"n": 3})
    assert tail.poll() == [journal.events[1], three]
    journal.close(trim=True)
    assert tail.poll() == []
    journal = Journal.open(path, actor="bob", clock=clock)
    four = journal.append("note", {"n": 4})
    assert tail.poll() == [four]
    journal.close()


def test_tail_says_when_the_past_was_changed(written: Write, path: Path, clock: SetClock) -> None:
    written(3)
    tail = Tail(path)
    assert len(tail.poll()) == 3
    end = len(path.read_bytes().rstrip(b"\0"))
    path.unlink()
    other = Journal.create(path, actor="mallory", clock=clock)
    for number in range(4):
        other.append("note", {"text": f"event {number}", "at": None})
    lines = path.read_bytes().rstrip(b"\0").splitlines(keepends=True)
    path.write_bytes(b"x" * end + lines[-1])
    with pytest.raises(BadInput, match="changed behind"):
        tail.poll()
