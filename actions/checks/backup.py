"""The check `backup`: the target has a recent validated backup whose file is unchanged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import IO, ClassVar

from actions.destinations.destination_choice import locate
from actions.destinations.ssh import Ssh
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed, OutcomeUnknown
from midwatch.system.trusted_files import open_regular_file
from midwatch.system.units import Seconds, duration, first_few
from probes.backup.backup_catalog import BackupFile, backups_of
from probes.backup.manifest import DEPTHS
from probes.backups import DAY_AND_TWO_HOURS


@dataclass(frozen=True)
class CheckBackup(Check):
    """Holds when the newest validated backup (read to its end, or deeper) is not older than `max_age` and its SHA-256
    is still the one that was validated. A newer backup that failed its validation is named and does not count.
    """

    name: ClassVar[str] = "backup"
    summary: ClassVar[str] = "A target has a validated backup that is young enough"
    outputs: ClassVar[tuple[str, ...] | None] = ("path", "depth")

    target: Target = param("whose backup")
    max_age: Seconds = param("how old it may be", default=DAY_AND_TWO_HOURS)
    emergency: bool = param("count emergency backups only", default=False)

    def evaluate(self, context: Context) -> Outcome:
        """Find the newest validated backup and check its age and its SHA-256."""
        try:
            found = [one for one in backups_of(context.runbook, self.target) if one.emergency or not self.emergency]
        except OSError as error:
            raise OutcomeUnknown(f"The backups cannot be listed: {error.strerror}", hint="Look at the disk") from error
        good = next((backup for backup in found if backup.good), None)
        failed = [b.path.name for b in found if b.manifest is not None and b.manifest.problem]
        beside = f"; not good: {first_few(failed)}" if failed else ""
        kind = "validated emergency backup" if self.emergency else "validated backup"
        if good is None:
            return Outcome(False, f"{self.target.label} has no {kind} ({len(found)} unvalidated){beside}")
        age = (context.clock.now() - good.started).total_seconds()
        assert good.manifest is not None
        if age > self.max_age:
            return Outcome(False, f"The newest {kind} of {self.target.label} is {duration(age)} old{beside}")
        if not _same(context, good):
            return Outcome(False, f"{good.path.name} is not the file that was validated: its SHA-256 differs{beside}")
        depth = good.manifest.depth
        if good.manifest.left_out:
            beside = f"; WITHOUT {first_few(good.manifest.left_out)}{beside}"
        summary = f"{good.path.name}, {duration(max(0.0, age))} old, depth {depth} ({DEPTHS[depth]}){beside}"
        return Outcome(True, summary, {"path": good.location, "depth": str(depth)})


def _same(context: Context, backup: BackupFile) -> bool:
    """Whether its bytes are still those that were validated; on another host they are read there."""
    assert backup.manifest is not None
    if backup.elsewhere:
        place, name = locate(context.runbook, backup.elsewhere)
        if place.size(name) != backup.manifest.bytes:
            return False
        if isinstance(place, Ssh):
            return place.digest(name) == backup.manifest.sha256
        with place.read(name) as stream:
            return _digest(stream) == backup.manifest.sha256
    try:
        with open_regular_file(backup.path) as file:
            return _digest(file) == backup.manifest.sha256
    except (OSError, Failed):
        return False


def _digest(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 18):
        digest.update(chunk)
    return digest.hexdigest()
