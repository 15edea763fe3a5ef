"""Makes a real dump of a database, and nightly sets from such dumps, as the nightly job writes them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from actions.dump import dump_stream
from actions.restoring.backup_validation import validate
from drill.servers.databases import DrillDatabase
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Failed
from probes.backup.checksums import LIST
from probes.backup.manifest import Manifest, path_of
from probes.postgres.embedded import Engine, run
from probes.postgres.tools import Tools

APART = timedelta(seconds=41)
"""Time that the nightly job is said to take for each database."""


@dataclass(frozen=True, slots=True)
class Dump:
    """A finished dump in a scratch folder."""

    file: Path
    manifest: Manifest
    """What holds for every copy; times and actor are those of the set that the copy is in."""


def client_tools(engine: Engine) -> Tools:
    """The drill's own `pg_dump` and its kin. Raises `Failed` when they do not tell their version."""
    said = run(engine.identity, [engine.program("pg_dump"), "--version"]).stdout
    match = re.search(r"\(PostgreSQL\) (\d+)\.(\d+)", said)
    if match is None:
        raise Failed(f"The drill's pg_dump does not tell its version: {said.strip()}")
    return Tools(engine.bin, (int(match[1]), int(match[2])))


def dump(base: DrillDatabase, tools: Tools, scratch: Path) -> Dump:
    """Dump one database as the nightly job does, and validate the dump. Raises `Failed` when it is not good.

    It comes in as the superuser, so that ARP's password need not be written anywhere, even for a moment.
    """
    server = base.server
    route = server.way_in(base.label)
    file = scratch / f"{server.database}.dump.gz"
    dumped = dump_stream.dump(route, tools, file, lambda done, total: None)
    verdict = validate(file, tools.pg_restore, sha256=dumped.sha256, rows=dumped.rows)
    if verdict.problem:
        raise Failed(f"The drill's dump of {server.name} is not good: {verdict.problem}")
    manifest = Manifest(
        target=server.name,
        database=server.database,
        started="",
        ended="",
        bytes=dumped.bytes,
        sha256=dumped.sha256,
        unpacked=dumped.unpacked,
        server=base.version,
        tool=str(tools),
        route=f"TCP 127.0.0.1:{server.port}",
        lsn=dumped.lsn,
        rows=dumped.rows,
        depth=verdict.depth,
    )
    return Dump(file, manifest)


def write_set(folder: Path, at: datetime, dumps: Sequence[Dump]) -> None:
    """A nightly set as it was written at that time: copies of the dumps, their manifests, the list of checksums."""
    folder.mkdir()
    moment = at
    lines = []
    for one in dumps:
        began, moment = moment, moment + APART
        copy = folder / one.file.name
        shutil.copyfile(one.file, copy)
        end = to_rfc3339(moment)
        replace(
            one.manifest, started=to_rfc3339(began), ended=end, validated=end, actor="nightly-backup@bastion"
        ).write(copy)
        touch(copy, moment)
        touch(path_of(copy), moment)
        lines.append(f"{one.manifest.sha256}  {copy.name}\n")
    listing = folder / LIST
    listing.write_text("".join(lines))
    touch(listing, moment)
    touch(folder, moment)


def touch(path: Path, at: datetime) -> None:
    """Give a file the time that it would have."""
    seconds = at.astimezone(UTC).timestamp()
    os.utime(path, (seconds, seconds))
