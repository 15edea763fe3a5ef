"""A fortnight of nightly backups, and the night that failed.

Each database is dumped once, for real; every set is a full copy of those dumps, so that a set has its true size,
restores, and frees what it seems to free. The newest week lies in `backups/prod`, what retention should have removed in
its `old/`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drill.scenarios import Scenario
from drill.seed.dumps import client_tools, dump, touch, write_set
from drill.seed.logs import Night, write_logs
from drill.servers.databases import DrillDatabase
from midwatch.system.clock import file_timestamp
from probes.postgres.embedded import Engine

NIGHTS = 13
"""Good nights before the one that failed."""
RECENT = 7
"""Sets that retention keeps in place; older ones are under `old/`."""
CORRUPT = 3
"""Nights before the failed one, of the set that has a damaged file."""
HOUR = 2


@dataclass(frozen=True, slots=True)
class _Set:
    at: datetime
    folder: Path


def write_history(
    folder: Path,
    volume: Path,
    bases: Sequence[DrillDatabase],
    engine: Engine,
    scenario: Scenario,
    say: Callable[[str], None],
) -> None:
    """Write the sets onto the volume, and the logs beside it. Raises `Failed`."""
    prod = volume / "prod"
    (prod / "old").mkdir(parents=True)
    (folder / "emergency-backup").mkdir()
    failed = last_night(datetime.now(UTC))
    sets = [_set(prod, failed - timedelta(days=night), night > RECENT) for night in range(NIGHTS, 0, -1)]
    say("Writing a fortnight of backups")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tools = client_tools(engine)
        with ThreadPoolExecutor(len(bases)) as pool:
            dumps = list(pool.map(lambda base: dump(base, tools, Path(scratch)), bases))
        for one in sets:
            write_set(one.folder, one.at, dumps)
    if scenario.corrupt_set:
        corrupt(next(one.folder for one in sets if failed - one.at == timedelta(days=CORRUPT)) / dumps[-1].file.name)
    nights = [
        Night(one.at, one.folder.name, tuple((d.manifest.database, d.manifest.bytes) for d in dumps)) for one in sets
    ]
    write_logs(folder, nights, failed, scenario)


def last_night(now: datetime) -> datetime:
    """When the newest nightly run began: 02:00 UTC, at least ten minutes ago."""
    tonight = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return tonight if now - tonight >= timedelta(minutes=10) else tonight - timedelta(days=1)


def corrupt(file: Path) -> None:
    """Turn one bit in the middle, as a bad disk does: length and time stay."""
    found = file.stat()
    with file.open("r+b") as stream:
        stream.seek(found.st_size // 2)
        (byte,) = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 0x10]))
    touch(file, datetime.fromtimestamp(found.st_mtime, UTC))


def _set(prod: Path, at: datetime, old: bool) -> _Set:
    return _Set(at, (prod / "old" if old else prod) / file_timestamp(at))
