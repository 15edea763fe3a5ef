"""Every backup of a target, nightly and emergency, by what their manifests say. Cheap: no backup is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from midwatch.runbook.model import Runbook, Target
from probes.checksums import sets_below
from probes.manifest import Manifest, fits, stamped

PARTIAL = ".partial"
"""End of the name of a backup that is being written, or was left half done."""


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One backup of one database."""

    path: Path
    started: datetime
    """From its manifest, else from its name; never the file's time."""
    size: int
    emergency: bool
    manifest: Manifest | None

    @property
    def good(self) -> bool:
        """Whether it was validated deeply enough, and is still as long as it was then."""
        return self.manifest is not None and self.manifest.good and fits(self.path, self.manifest)

    @property
    def depth(self) -> int:
        return self.manifest.depth if self.manifest is not None and not self.manifest.problem else 0


def backups_of(runbook: Runbook, target: Target) -> list[BackupFile]:
    """The target's backups, the newest first; half-written ones are not among them. Raises `OSError`."""
    found = [
        file
        for folder in sets_below(runbook.place_of("backups"))
        for file in _files(folder, f"{target.database}.*.gz", emergency=False)
    ]
    found += _files(runbook.place_of("emergency"), f"{emergency_stem(target)}-*.gz", emergency=True)
    return sorted(found, key=lambda file: file.started, reverse=True)


def emergency_stem(target: Target) -> str:
    """The beginning of the names of a target's emergency backups: `arp-prod`."""
    return f"{''.join(c if c.isalnum() else '-' for c in target.label.lower())}-prod"


def being_written(runbook: Runbook, target: Target) -> Path | None:
    """The newest half-written backup of the target."""
    place = runbook.place_of("emergency")
    parts = sorted(place.glob(f".{emergency_stem(target)}-*{PARTIAL}")) if place.is_dir() else []
    return parts[-1] if parts else None


def _files(folder: Path, pattern: str, *, emergency: bool) -> list[BackupFile]:
    found = []
    for path in sorted(folder.glob(pattern)) if folder.is_dir() else []:
        if not path.is_file() or path.is_symlink():
            continue
        manifest = Manifest.read(path)
        started = manifest.began if manifest else stamped(path.name) or stamped(folder.name)
        if started is not None:
            found.append(BackupFile(path, started, path.stat().st_size, emergency, manifest))
    return found
