"""The manifest of a backup file: the JSON file `FILE.manifest.json` beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from midwatch.incident.permissions import replace_file
from midwatch.system.clock import from_rfc3339
from midwatch.system.errors import Failed
from midwatch.system.trusted_files import open_regular_file

SUFFIX = ".manifest.json"
DEPTHS = ("exists", "checksum holds", "contents read", "read to the end", "row counts match", "restored")
"""What each depth of validation means, from 0."""
GOOD = 3
"""Depth from which a backup counts: read to its last byte through `pg_restore`."""
ROWS_COUNTED = 4
"""Depth at which the rows in the archive were counted, and are those of the dump's snapshot."""
LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup: where it came from, what is in it, and how deeply it was validated."""

    target: str
    database: str
    started: str
    """UTC, as `midwatch.system.clock.to_rfc3339` formats it."""
    ended: str
    bytes: int
    sha256: str
    """Of the file as it lies there."""
    unpacked: int
    """Bytes of the archive before compression."""
    server: str
    tool: str
    route: str
    location: str = ""
    """Where the backup lies when that is on another host; empty when it lies beside this note."""
    lsn: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Table → rows, counted in the snapshot that was dumped; empty when that was not possible."""
    uncounted: str = ""
    """Why there are no `rows`; empty when they were counted."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Table → digest of its rows (`probes.postgres.content`) in that snapshot; empty unless it was asked for."""
    left_out: tuple[str, ...] = ()
    """What is not in it, in words, since the login that took it may not read it; none when it is whole."""
    globals_sha256: str = ""
    """Of the file with the server's roles beside it in a nightly set; empty when there is none."""
    actor: str = ""
    incident: str = ""
    recipients: tuple[str, ...] = ()
    """The public keys to which it is encrypted; none when it is not."""
    depth: int = 0
    streamed: int = 0
    """The depth that was reached while it was written, in the same stream."""
    compared: str = ""
    """What a restore for a look compared with what, in words; empty when there was none."""
    validated: str = ""
    """When it reached that depth, UTC."""
    problem: str = ""
    """What the last validation found wrong; empty when nothing was."""

    @property
    def counts(self) -> Mapping[str, int] | None:
        """The rows of each table; None when they were not counted."""
        return None if self.uncounted else self.rows

    @property
    def began(self) -> datetime:
        """The start of the backup, in UTC."""
        return from_rfc3339(self.started)

    @property
    def good(self) -> bool:
        """Whether the backup was validated deeply enough and without a problem."""
        return self.depth >= GOOD and not self.problem

    @property
    def tool_major(self) -> int:
        """The version of the `pg_dump` that wrote it: an older `pg_restore` cannot read it. 0 when it is not known."""
        first, _, version = self.tool.rpartition(" ")
        major = version.partition(".")[0]
        return int(major) if first == "pg_dump" and major.isdigit() else 0

    def judged(self, depth: int, problem: str, at: str, compared: str = "") -> Self:
        """The same backup after a validation."""
        return replace(self, depth=depth, problem=problem, validated=at, compared=compared)

    def write(self, file: Path) -> None:
        """Put it beside the backup file, whole or not at all. Raises `Failed`."""
        try:
            content = json.dumps({"manifest": 1, **asdict(self)}, indent=1, ensure_ascii=False).encode() + b"\n"
            replace_file(path_of(file), content, follow_links=True)
        except OSError as error:
            raise Failed(
                f"The manifest of {file.name} cannot be written: {error.strerror}", hint=f"See {file.parent}"
            ) from error

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """The manifest of a backup file; None when there is none that can be used."""
        try:
            with open_regular_file(path_of(file)) as stream:
                data: Any = json.loads(stream.read(LARGEST))
            found = cls(**{name: data[name] for name in cls.__slots__ if name in data})
            found = replace(
                found, recipients=tuple(found.recipients), left_out=tuple(found.left_out)
            )  # JSON knows lists alone
            return found if found.began.tzinfo is not None and isinstance(found.depth, int) else None
        except (OSError, Failed, ValueError, TypeError, AttributeError, RecursionError):
            return None


def path_of(file: Path) -> Path:
    """Where the manifest of a backup file lies."""
    return file.with_name(file.name + SUFFIX)


def fits(file: Path, manifest: Manifest) -> bool:
    """Whether the file still has the size that its manifest tells (its checksum is `validation`'s business)."""
    try:
        return file.lstat().st_size == manifest.bytes
    except OSError:
        return False


def stamped(name: str) -> datetime | None:
    """The start that stands in a name such as `arp-prod-20261123-021407.sql.gz` or `20261123-020000`; UTC."""
    for start in range(len(name) - 14):
        part = name[start : start + 15]
        if part[8] == "-" and part[:8].isdigit() and part[9:].isdigit():
            try:
                return datetime.strptime(part, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
            except ValueError:
                continue
    return None
