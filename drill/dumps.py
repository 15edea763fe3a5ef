"""One real dump of a database, and a nightly set made of such dumps."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drill.bases import Base
from drill.engine import Engine
from midwatch.errors import Failed

CHUNK = 1 << 20
LIMIT = 120
"""Seconds that a dump may take."""


@dataclass(frozen=True, slots=True)
class Dump:
    """A finished dump in a scratch folder."""

    base: Base
    file: Path
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.file.name


def dump(base: Base, engine: Engine, scratch: Path) -> Dump:
    """Dump one database over TCP as its own role, compressed as the nightly job does it. Raises `Failed`."""
    from isal import igzip

    server = base.server
    file = scratch / f"{server.database}.dump.gz"
    argv = [engine.program("pg_dump"), "-Fc", "-Z0", "-w", "-h", "127.0.0.1", "-p", str(server.port)]
    environment = {"PGPASSWORD": base.password, "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    with subprocess.Popen(
        [*argv, "-U", server.role, "-d", server.database],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd="/",
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        with igzip.IGzipFile(file, "wb", compresslevel=1) as out:  # type: ignore[no-untyped-call]
            shutil.copyfileobj(process.stdout, out, CHUNK)
        said = process.stderr.read().decode(errors="replace").strip()
        code = process.wait(LIMIT)
    if code != 0:
        raise Failed(f"{server.name} cannot be dumped: {said.splitlines()[-1] if said else f'pg_dump ended with {code}'}")
    data = file.read_bytes()
    return Dump(base, file, len(data), hashlib.sha256(data).hexdigest())


def write_set(folder: Path, at: datetime, dumps: Sequence[Dump]) -> None:
    """A nightly set as it was written at that time: a copy of each dump, and the list of checksums."""
    folder.mkdir()
    moment = at
    lines = []
    for one in dumps:
        moment += timedelta(seconds=41)
        shutil.copyfile(one.file, folder / one.name)
        touch(folder / one.name, moment)
        lines.append(f"{one.sha256}  {one.name}\n")
    listing = folder / "checksums.sha256"
    listing.write_text("".join(lines))
    touch(listing, moment)
    touch(folder, moment)


def touch(path: Path, at: datetime) -> None:
    """Give a file the time that it would have."""
    seconds = at.astimezone(UTC).timestamp()
    os.utime(path, (seconds, seconds))
