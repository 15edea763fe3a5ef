"""The writer or the machine dies at any byte of a write: nothing acknowledged is lost, and the rest is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.journal.reader import Tail, read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import Failed
from tests.journal.set_clock import SetClock, Write
from tests.support.filling import fill
from tests.support.mounting import run_or_skip

pytestmark = pytest.mark.slow

STREAM = """
import sys
from pathlib import Path
from midwatch.system.clock import SystemClock
from midwatch.journal.writer import Journal
journal = Journal.create(Path(sys.argv[1]), actor="w", clock=SystemClock())
sys.stdin.readline()
for number in range(400):
    journal.append("note", {"n": number, "text": "x" * (number * 37 % 9000)})
    if number % 100 == 99:  # leave and come back, trimmed, as closing and resuming does
        journal.close(trim=True)
        journal = Journal.open(Path(sys.argv[1]), actor="w", clock=SystemClock())
print("done", flush=True)
"""


def test_write_cut_at_any_byte_is_repaired(written: Write, clock: SetClock) -> None:
    path = written(2, trim=True)
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end] + b"\0" * 300)
        assert len(read(path)) == 1
        journal = Journal.open(path, actor="bob", clock=clock)
        assert [event.kind for event in journal.events] == ["note"] + [EventKind.JOURNAL_REPAIRED] * (end > start)
        journal.append("note", {"text": "on"})
        journal.close()
        assert verify(path).ok
        assert read(path) == journal.events


def test_pages_of_a_write_that_reach_the_disk_out_of_order_are_repaired(path: Path, clock: SetClock) -> None:
    """After a power cut, any of the pages of the last write may be missing; they read as NUL."""
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("note", {"text": "kept"})
    start = len(path.read_bytes().rstrip(b"\0"))
    journal.append("note", {"text": "y" * 20_000})
    journal.close()
    whole = path.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for lost in range(start // 4096, end // 4096 + 1):
        first, last = max(start, lost * 4096), min(end, (lost + 1) * 4096)
        path.write_bytes(whole[:first] + bytes(last - first) + whole[last:])
        assert len(read(path)) == 1
        journal = Journal.open(path, actor="bob", clock=clock)
        assert [event.kind for event in journal.events] == ["note", EventKind.JOURNAL_REPAIRED]
        journal.close()
        assert verify(path).ok
        path.with_name("journal.jsonl.cut-2").unlink()


def test_crash_in_the_middle_of_a_repair_is_repaired(written: Write, clock: SetClock) -> None:
    path = written(2, trim=True)
    torn = path.read_bytes()[:-5]
    kept = torn.rindex(b"\n") + 1
    path.write_bytes(torn)
    Journal.open(path, actor="bob", clock=clock).close(trim=True)
    repaired = path.read_bytes()[kept:]
    for reached in range(1, len(repaired)):
        path.write_bytes(torn[:kept] + repaired[:reached] + torn[kept + reached :])
        journal = Journal.open(path, actor="carol", clock=clock)
        journal.close()
        assert verify(path).ok
        assert [event.kind for event in read(path)] == ["note", EventKind.JOURNAL_REPAIRED]


def test_reader_beside_the_writer_never_sees_half_an_event(path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", STREAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdin is not None
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writer.stdin.write("go\n")
    writer.stdin.flush()
    tail, seen = Tail(path), []
    while len(seen) < 400:
        seen += tail.poll()
        assert time.monotonic() < deadline
    writer.communicate(timeout=30)
    assert [event.body["n"] for event in seen] == list(range(400))
    assert seen == read(path)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A real ext4 of 8 MB; it allocates by blocks and keeps a journal of its own, unlike tmpfs."""
    image, folder = tmp_path / "image", tmp_path / "ext4"
    folder.mkdir()
    image.write_bytes(bytes(8 << 20))
    run_or_skip("mkfs.ext4", "-q", "-m", "0", image)
    run_or_skip("mount", "-o", "loop", image, folder)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=60)


def test_full_ext4_still_takes_events_and_a_repair(ext4: Path, clock: SetClock) -> None:
    path = ext4 / "journal.jsonl"
    journal = Journal.create(path, actor="ada", clock=clock)
    fill(ext4)
    for _ in range(100):
        journal.append("note", {"text": "x" * 3000})
    end = len(path.read_bytes().rstrip(b"\0"))
    journal.close()
    with path.open("r+b") as file:
        file.seek(end)
        file.write(b'{"seq":101,')
    journal = Journal.open(path, actor="bob", clock=clock)
    assert journal.events[-1].kind == EventKind.JOURNAL_REPAIRED
    with pytest.raises(Failed, match="reserve is used up"):  # noqa: PT012 - until it is used up
        while journal.append("note", {"text": "x" * 3000}):
            pass
    journal.append("note", {"text": "a short one fits what is left"})
    assert verify(path).ok
    assert read(path) == journal.events
    journal.close(trim=True)


def test_disk_that_goes_read_only_is_a_sentence_and_loses_nothing(small_disk: Path, clock: SetClock) -> None:
    path = small_disk / "journal.jsonl"
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("note", {"n": 1})
    journal.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True, timeout=20)
    with pytest.raises(Failed, match="Read-only file system"):
        Journal.open(path, actor="ada", clock=clock)
    with pytest.raises(Failed, match="Read-only file system"):
        Journal.create(small_disk / "other", actor="ada", clock=clock)
    assert len(read(path)) == 1
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True, timeout=20)


def test_half_a_write_is_taken_back(path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy-on-write file system may refuse in the middle, although the space was taken."""
    journal = Journal.create(path, actor="ada", clock=clock)
    journal.append("note", {"n": 1})
    before, real, calls = path.read_bytes(), os.pwrite, []

    def short(descriptor: int, data: bytes, offset: int) -> int:
        calls.append(offset)
        if len(calls) == 1:
            return real(descriptor, data[:50], offset)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(descriptor, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", short)
        with pytest.raises(Failed, match="No space left on device"):
            journal.append("note", {"n": 2})
    assert path.read_bytes() == before
    journal.append("note", {"n": 3})
    assert [event.body["n"] for event in read(path)] == [1, 3]
    assert verify(path).ok
    journal.close()


def test_too_many_open_files_is_a_sentence(path: Path) -> None:
    program = """
import os, resource, sys
from pathlib import Path
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Failed
from midwatch.journal.writer import Journal
from midwatch.journal.reader import read
journal = Journal.create(Path(sys.argv[1]), actor="a", clock=SystemClock())
lowest = os.open("/dev/null", os.O_RDONLY)
os.close(lowest)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, 4096))
journal.append("note", {})
try:
    read(Path(sys.argv[1]))
except Failed as failed:
    print(failed)
"""
    told = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "cannot be read: Too many open files" in told.stdout
    assert len(read(path)) == 1
