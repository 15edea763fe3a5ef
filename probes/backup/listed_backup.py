"""One backup of a target as checks compare it, whoever made the backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from midwatch.system.clock import from_rfc3339
from probes.backup.backup_catalog import BackupFile


@dataclass(frozen=True, slots=True)
class ListedBackup:
    """One whole backup."""

    name: str
    kind: str
    """Only backups of one kind are compared: `nightly` and `emergency`, or `full`, `diff` and `incr` of another
    tool."""
    started: datetime
    took: float | None
    """Seconds; None where nothing says it."""
    size: int
    is_good: bool
    """Validated to the depth from which a backup counts; of another tool: complete and without an error by its own
    account."""
    place: str
    """The file system, host or bucket where it lies."""

    @classmethod
    def from_file(cls, backup: BackupFile) -> ListedBackup:
        """A backup that Midwatch made."""
        kind = "emergency" if backup.emergency else "nightly"
        return cls(backup.path.name, kind, backup.started, _took(backup), backup.size, backup.good, _place(backup))


def newest_by_kind(backups: Sequence[ListedBackup]) -> list[tuple[ListedBackup, list[ListedBackup]]]:
    """The newest backup of each kind with those of the same kind before it, newest first.

    Emergency backups count only while one is the newest of all: an odd one is no news once a later backup exists.
    """
    found = []
    for kind in dict.fromkeys(backup.kind for backup in backups):
        same = [backup for backup in backups if backup.kind == kind]
        if kind != "emergency" or same[0] is backups[0]:
            found.append((same[0], same[1:]))
    return found


def _took(backup: BackupFile) -> float | None:
    if backup.manifest is None:
        return None
    try:
        seconds = (from_rfc3339(backup.manifest.ended) - backup.manifest.began).total_seconds()
    except (ValueError, TypeError):
        return None
    return seconds if seconds >= 0 else None


def _place(backup: BackupFile) -> str:
    """The host or bucket, or else the file system."""
    if backup.elsewhere:
        return "/".join(backup.elsewhere.split("/")[:3])
    try:
        return f"device {backup.path.stat().st_dev}"
    except OSError:
        return "device unknown"
