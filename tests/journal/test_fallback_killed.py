"""A journal that goes to another file and comes back, killed at every point."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from tests.crash.deadly import DIED, Points, lay_mines
from tests.journal.fallbacks import LONG, begun, limited_to
from tests.journal.set_clock import SetClock

pytestmark = pytest.mark.slow


def a_life(path: Path, die_at: int, told: int) -> None:
    """Open, use the reserve up, go on elsewhere, come back; `told` hears each event once it is acknowledged."""
    write = os.write
    points = Points(die_at)
    lay_mines(points)
    journal = Journal.open(path, actor="ada", clock=SetClock())
    with limited_to(path.stat().st_size):
        for number in range(6):
            write(told, b"%d\n" % journal.append("note", LONG | {"n": number}).seq)
        assert journal.away
    assert journal.join()
    write(told, b"%d\n" % journal.append("note", {"n": 6}).seq)
    journal.close(trim=True)


def test_killed_at_any_point_of_going_away_and_coming_back_nothing_is_lost_or_doubled(
    tmp_path: Path, clock: SetClock
) -> None:
    start, place = tmp_path / "start", tmp_path / "place"
    start.mkdir()
    journal = begun(start / "journal.jsonl", place, clock)
    with limited_to(1 << 20):
        while journal.reserved > 70_000:
            journal.append("note", LONG)
    journal.close()
    before = len(journal.events)
    for die_at in itertools.count(1):
        folder = tmp_path / f"{die_at}" / start.name  # fallback files are named for the folder of their journal
        shutil.copytree(start, folder)
        path = folder / "journal.jsonl"
        code, told = one_life(path, die_at)
        assert code in (0, DIED), die_at
        events = read(path)
        assert len(events) >= max(told, default=before), f"dying at {die_at} lost an event"
        assert verify(path).ok or "torn" in verify(path).problem, (die_at, verify(path).problem)
        again = Journal.open(path, actor="bob", clock=clock)
        assert again.away is None
        assert again.events[: len(events)] == events, die_at
        again.append("note", {"n": 99})
        numbers = [event.body["n"] for event in read(path) if "n" in event.body]
        assert numbers == sorted(set(numbers)), die_at
        assert sum(event.kind == EventKind.JOURNAL_FAILED_OVER for event in again.events) == sum(
            event.kind == EventKind.JOURNAL_FAILED_BACK for event in again.events
        )
        again.close(trim=True)
        assert verify(path).ok, (die_at, verify(path).problem)
        assert not list(place.iterdir()), die_at
        shutil.rmtree(folder.parent)
        if code == 0:
            assert die_at > 40, "there are more points than that"
            return


def one_life(path: Path, die_at: int) -> tuple[int, list[int]]:
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            a_life(path, die_at, theirs)
            code = 0
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        told = [int(line) for line in pipe]
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), told
