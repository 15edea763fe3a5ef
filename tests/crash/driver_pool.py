"""Drivers of an incident that are killed at a point of their choice, several at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from midwatch.engine.repository import incidents
from midwatch.incident.events import Event
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from tests.crash.drivers import Deadly

SIDE_BY_SIDE = 3


@dataclass
class Drivers:
    """Several such processes, side by side."""

    free: SimpleQueue[Deadly]

    def drive(self, folder: Path, *, die_at: int, **job: Any) -> dict[str, Any]:
        one = self.free.get()
        try:
            return one.drive(folder, die_at=die_at, **job)
        finally:
            self.free.put(one)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    free: SimpleQueue[Deadly] = SimpleQueue()
    processes = [Deadly(tmp_path_factory.mktemp("warm")) for _ in range(SIDE_BY_SIDE)]
    for process in processes:
        free.put(process)
    yield Drivers(free)
    for process in processes:
        process.end()


def the_incident(folder: Path) -> list[Event]:
    """The events of the one incident that was declared here; a driver that dies before leaves a folder without any."""
    whole = [found for found in incidents(folder / "logs") if found.journal.exists() and read(found.journal)]
    assert len(whole) == 1, [found.id for found in incidents(folder / "logs")]
    verdict = verify(whole[0].journal)
    assert verdict.ok, verdict.problem
    return read(whole[0].journal)
