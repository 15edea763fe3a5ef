"""Real journals on a real disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.journal.writer import Journal
from tests.journal.set_clock import SetClock, Write
from tests.support.mounting import run_or_skip


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def written(path: Path, clock: SetClock) -> Write:
    """Writes a journal of so many notes, and gives its path."""

    def write(count: int, *, trim: bool = False) -> Path:
        journal = Journal.create(path, actor="ada@test", clock=clock)
        for number in range(1, count + 1):
            clock.on(1)
            journal.append("note", {"text": f"event {number}", "at": None})
        journal.close(trim=trim)
        return path

    return write


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB, which may be filled to the last byte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "midwatch-test", str(folder)]
    run_or_skip(*command)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)
