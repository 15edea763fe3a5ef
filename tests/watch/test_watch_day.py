"""A day's events at full speed: each trigger once, in flat memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from tests.watch.watched_runbook import WatchedRunbook

_LINES, _HOURS = 20_000, 24


@pytest.mark.heavy
def test_day_of_busy_logs_is_read_in_flat_memory(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    place.look()
    hour = "".join(f"2026-11-29 02:00:00Z [INFO] request {number} took 12 ms\n" for number in range(_LINES))
    log, peaks, fired = tmp_path / "logs/backup.log", [], []
    tracemalloc.start()
    try:
        for number in range(_HOURS):
            with log.open("a") as file:
                file.write(hour)
            if number == 20:
                place.log("[FAILURE] stopped")
            tracemalloc.reset_peak()
            fired += place.look(60)
            peaks.append(tracemalloc.get_traced_memory()[1])
            log.replace(tmp_path / "logs/backup.log.1")
            log.touch()
            fired += place.look(3)
    finally:
        tracemalloc.stop()
    assert fired == ["stopped"]
    assert max(peaks[2:]) < 1.5 * peaks[1] + 1_000_000
    assert len(place.watcher.state.logs[str(log)]) <= 3
