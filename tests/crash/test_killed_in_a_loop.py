"""The driver is killed at every event of a loop with retries and an undo; another one resumes."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.incident.reducer import reduce
from tests.crash.deadly import DIED
from tests.crash.driver_pool import SIDE_BY_SIDE, Drivers, drivers, the_incident
from tests.crash.loop_incident import ITEMS, UNDONE, end_state, lay_out

__all__ = ["drivers"]

pytestmark = pytest.mark.heavy

JOB = {"incident": "loop_incident", "only": "pwrite"}
"""Fault points are the writes of events, before and half-way: a step of the batch is started in a thread, so the order
of other calls differs from run to run."""


@pytest.mark.timeout(900)
def test_killed_at_every_event_of_a_loop_with_retries_and_an_undo_nothing_is_repeated_or_lost(
    drivers: Drivers, tmp_path: Path
) -> None:
    lay_out(tmp_path / "whole")
    recorded = drivers.drive(tmp_path / "whole", die_at=0, **JOB)
    assert recorded["exit"] == 0, recorded["points"][-1]
    events = the_incident(tmp_path / "whole")
    expected = end_state(reduce(events))
    assert expected["items"] == {"renew": ITEMS}
    assert reduce(events).steps[UNDONE].attempts[-2].undoes
    assert sum(event.kind == EventKind.LOOP_ITEMS for event in events) == 1
    points = len(recorded["points"])
    assert points > 2 * len(events)

    def one(number: int) -> str:
        folder = tmp_path / str(number)
        lay_out(folder)
        killed = drivers.drive(folder, die_at=number, **JOB)
        resumed = drivers.drive(folder, die_at=0, **JOB)
        if killed["exit"] not in (DIED, 0) or resumed["exit"] != 0:
            return f"point {number}: {killed}, {resumed}"
        found = end_state(reduce(the_incident(folder)))
        ran = sorted((folder / "ran").read_text(encoding="utf-8").split())
        shutil.rmtree(folder)
        if ran != sorted(["hosts", *ITEMS, *ITEMS, *ITEMS, f"back-{ITEMS[1]}", ITEMS[1]]):
            return f"point {number}: these ran: {ran}"
        return "" if found == expected else f"point {number}: the end is another: {found} instead of {expected}"

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        problems = [problem for problem in pool.map(one, range(1, points + 1)) if problem]
    assert problems == []
