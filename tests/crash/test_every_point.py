"""The driver is killed at every fault point of a small incident; another one resumes, and nothing is lost or done
twice."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from midwatch.engine.repository import incidents
from midwatch.incident.events import Event, EventKind
from midwatch.incident.reducer import reduce
from midwatch.journal.reader import read
from tests.crash.deadly import DIED
from tests.crash.driver_pool import SIDE_BY_SIDE, Drivers, drivers, the_incident
from tests.crash.small_incident import end_state, lay_out

__all__ = ["drivers"]  # a fixture

pytestmark = pytest.mark.heavy


@pytest.mark.timeout(1500)
def test_killed_at_every_point_the_end_is_the_same(drivers: Drivers, tmp_path: Path) -> None:
    lay_out(tmp_path / "whole")
    recorded = drivers.drive(tmp_path / "whole", die_at=0)
    assert recorded["exit"] == 0, recorded["points"][-1]
    points: list[str] = recorded["points"]
    undisturbed = the_incident(tmp_path / "whole")
    expected = end_state(reduce(undisturbed))
    assert expected["closed"]
    assert points.count("pwrite") > len(undisturbed)  # every append is among them, and the lock
    assert sum(label.startswith("subprocess.Popen") for label in points) == 1, "the fork server"

    def one(number: int) -> str:
        folder = tmp_path / str(number)
        lay_out(folder)
        killed = drivers.drive(folder, die_at=number)
        if killed["exit"] != DIED:
            return f"point {number} ({points[number - 1]}): not reached: {killed}"
        before = [read(found.journal) for found in incidents(folder / "logs") if found.journal.exists()]
        resumed = drivers.drive(folder, die_at=0)
        if resumed["exit"] != 0:
            return f"point {number} ({points[number - 1]}): {resumed['points'][-1]}"
        problem = _differs(folder, before, expected)
        shutil.rmtree(folder)
        return f"point {number} ({points[number - 1]}): {problem}" if problem else ""

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        problems = [problem for problem in pool.map(one, range(1, len(points) + 1)) if problem]
    assert problems == []


def _differs(folder: Path, before: list[list[Event]], expected: dict[str, Any]) -> str:
    """What is wrong after a crash and a resumption; empty when nothing is."""
    events = the_incident(folder)
    for stored in before:
        if stored and events[: len(stored)] != stored:
            return "events that were stored before the crash are gone"
    ran = (folder / "ran").read_text().split()
    if sorted(ran) != ["breaks", "breaks", "work"]:  # once more by itself
        return f"these ran: {ran}"
    starts = [event.body["supervisor"]["pid"] for event in events if event.kind == EventKind.STARTED]
    if len(starts) != 2:
        return f"{len(starts)} starts in the journal"
    found = end_state(reduce(events))
    return "" if found == expected else f"the end is another: {found} instead of {expected}"
