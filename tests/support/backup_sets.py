"""Nightly sets of any age, as the nightly job leaves them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from midwatch.system.clock import to_rfc3339
from probes.backup.manifest import Manifest


def write_set(
    place: Path, hours: float, dump: bytes, *, recorded: float | None = None, depth: int = 4, took_s: float = 0
) -> str:
    """A set whose name tells one age, and whose manifest another when `recorded` is given."""
    now = datetime.now(UTC)
    name = (now - timedelta(hours=hours)).strftime("%Y%m%d-%H%M%S")
    folder = place / name
    folder.mkdir(parents=True)
    file = folder / "arp.dump.gz"
    file.write_bytes(dump)
    digest = hashlib.sha256(dump).hexdigest()
    (folder / "checksums.sha256").write_text(f"{digest}  arp.dump.gz\n")
    began = now - timedelta(hours=hours if recorded is None else recorded)
    times = to_rfc3339(began), to_rfc3339(began + timedelta(seconds=took_s))
    manifest = Manifest("arp-db-prod", "arp", *times, len(dump), digest, 1, "18.1", "pg_dump 18.1", "x", depth=depth)
    manifest.write(file)
    return name
