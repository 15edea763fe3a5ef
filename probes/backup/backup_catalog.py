"""The catalogue of a target's backups, nightly and emergency, from their manifests. No backup file is read."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.mounts import require_answer
from probes.backup.age_encryption import SUFFIX as ENCRYPTED
from probes.backup.checksums import sets_below
from probes.backup.manifest import SUFFIX, Manifest, fits, stamped

PARTIAL = ".partial"
"""End of the name of a backup that is being written, or was left half done."""
BACKUPS = (".gz", f".gz{ENCRYPTED}")
"""Ends of the names of whole backups, plain and encrypted."""
_STILL_WRITTEN = 60.0
"""Seconds without a byte after which a half-written backup was left so."""


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One backup of one database."""

    path: Path
    started: datetime
    """From its manifest, else from its name; never the file's time."""
    size: int
    emergency: bool
    manifest: Manifest | None
    """Beside it, or kept here for one that lies elsewhere."""

    @property
    def elsewhere(self) -> str:
        """Where it lies when that is not on this machine: `ssh://host/dir/…`; `path` then names its manifest's
        neighbour."""
        return self.manifest.location if self.manifest is not None else ""

    @property
    def location(self) -> str:
        """What other actions take as its path."""
        return self.elsewhere or str(self.path)

    @property
    def good(self) -> bool:
        """Whether it was validated deeply enough, and is still as long as it was then; elsewhere that is not looked
        at."""
        if self.manifest is None or not self.manifest.good:
            return False
        return bool(self.elsewhere) or fits(self.path, self.manifest)

    @property
    def depth(self) -> int:
        """How deeply the backup was validated; 0 when it was not validated or has a problem."""
        return self.manifest.depth if self.manifest is not None and not self.manifest.problem else 0


def backups_of(runbook: Runbook, target: Target) -> list[BackupFile]:
    """The target's backups, the newest first; half-written ones are not among them. Raises `OSError`, and
    `OutcomeUnknown` when one of their folders lies on a mount that does not answer: which is the newest nobody knows
    then.
    """
    for place in (runbook.location_of("backups"), *emergency_folders(runbook), runbook.location_of("remote_manifests")):
        require_answer(place)
    found = [
        file
        for folder in sets_below(runbook.location_of("backups"))
        for file in _files(folder, f"{target.database}.*", emergency=False)
    ]
    for folder in emergency_folders(runbook):
        with contextlib.suppress(FileNotFoundError), os.scandir(folder):  # a glob passes over what it may not list
            found += _files(folder, f"{emergency_stem(target)}-*", emergency=True)
    found += _elsewhere(runbook.location_of("remote_manifests"), emergency_stem(target))
    return sorted(found, key=lambda file: file.started, reverse=True)


def emergency_places(runbook: Runbook) -> list[str]:
    """The places of emergency backups as they are written, in the order in which they are tried."""
    return [text.strip() for text in runbook.locations["emergency"].split(",") if text.strip()]


def emergency_folders(runbook: Runbook) -> list[Path]:
    """Those of them that are folders of this machine."""
    here = [
        text for text in emergency_places(runbook) if text != "-" and not text.startswith("ssh ") and "://" not in text
    ]
    return [runbook.resolve(text) for text in here]


def emergency_stem(target: Target) -> str:
    """The beginning of the names of a target's emergency backups: `arp-prod`."""
    return f"{''.join(c if c.isalnum() else '-' for c in target.label.lower())}-prod"


def being_written(runbook: Runbook, target: Target) -> Path | None:
    """The backup of the target that is written now, nightly or emergency: half done, and grown within the last minute.

    Raises `OutcomeUnknown` when their mount does not answer.
    """
    for place in (runbook.location_of("backups"), *emergency_folders(runbook)):
        require_answer(place)
    paths = list(runbook.location_of("backups").glob(f".*{PARTIAL}/.{target.database}.*{PARTIAL}"))
    for folder in emergency_folders(runbook):
        paths += folder.glob(f".{emergency_stem(target)}-*{PARTIAL}")
    found: list[tuple[float, Path]] = []
    for path in paths:
        with contextlib.suppress(OSError):  # it may be done, or given up, by now
            found.append((path.stat().st_mtime, path))
    newest = max(found, default=None)
    return newest[1] if newest is not None and time.time() - newest[0] < _STILL_WRITTEN else None


def _elsewhere(folder: Path, stem: str) -> list[BackupFile]:
    found = []
    for note in sorted(folder.glob(f"{stem}-*{SUFFIX}")) if folder.is_dir() else []:
        path = note.with_name(note.name.removesuffix(SUFFIX))
        manifest = Manifest.read(path)
        if manifest is not None and "://" in manifest.location:  # what went to standard output nobody here finds again
            found.append(BackupFile(path, manifest.began, manifest.bytes, True, manifest))
    return found


def _files(folder: Path, pattern: str, *, emergency: bool) -> list[BackupFile]:
    found = []
    for path in sorted(folder.glob(pattern)) if folder.is_dir() else []:
        if not path.name.endswith(BACKUPS) or not path.is_file() or path.is_symlink():
            continue
        manifest = Manifest.read(path)
        started = manifest.began if manifest else stamped(path.name) or stamped(folder.name)
        if started is not None:
            found.append(BackupFile(path, started, path.stat().st_size, emergency, manifest))
    return found
