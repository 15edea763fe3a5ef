"""Compares the size of a target's newest backup with the earlier ones, and reports an anomaly."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from midwatch.system.clock import from_rfc3339
from midwatch.system.units import duration, size
from probes.backup.backup_catalog import BackupFile
from probes.backup.manifest import DEPTHS, fits

MOST = 30
"""Backups whose sizes are compared and shown."""
FEWEST = 3
"""Earlier backups below which nothing counts as odd."""
_SMALL, _LARGE = 0.5, 2.0


def alike(newest: BackupFile, found: Sequence[BackupFile]) -> list[BackupFile]:
    """Those made in the same way, nightly or emergency: the others are compressed differently. Newest first."""
    return [backup for backup in found if backup.emergency == newest.emergency]


def oddity(newest: BackupFile, found: Sequence[BackupFile]) -> str:
    """`half the usual size`, where the size is far from the median of those before; empty where it is not, or too few
    are."""
    earlier = [backup.size for backup in alike(newest, found) if backup.started < newest.started][:MOST]
    if len(earlier) < FEWEST:
        return ""
    usual = statistics.median(earlier)
    share = newest.size / usual if usual else 1.0
    return f"{share:.0%} of the usual size" if share < _SMALL or share > _LARGE else ""


def backup_facts(
    newest: BackupFile, found: Sequence[BackupFile], age: float, rpo: float, odd: str
) -> list[tuple[str, str]]:
    """What the full page says of it."""
    facts = [
        ("last good" if newest.good else "newest", f"{newest.started:%Y-%m-%d %H:%M} UTC, {duration(age)} ago"),
        (
            "RPO",
            f"{duration(rpo)}, " + (f"late by {duration(age - rpo)}" if age > rpo else f"{duration(rpo - age)} left"),
        ),
        ("size", size(newest.size) + (f", {odd}" if odd else "")),
        ("checksum", _checksum(newest)),
        ("validated", _validated(newest)),
    ]
    if newest.manifest is not None and (recipients := newest.manifest.recipients):
        keys = f"{len(recipients)} public keys" if len(recipients) > 1 else "one public key"
        facts.append(("encrypted", f"to {keys}; read in the stream before that: depth {newest.manifest.streamed}"))
    deepest = max(found, key=lambda backup: (backup.depth, backup.started))
    if deepest is not newest and deepest.depth > newest.depth:
        facts.append(("deepest", f"{_validated(deepest)}: {deepest.path.name}"))
    kinds = [("nightly", sum(not backup.emergency for backup in found)), ("emergency", sum(b.emergency for b in found))]
    facts.append(("kept", ", ".join(f"{count} {kind}" for kind, count in kinds if count)))
    facts.append(("file", newest.location))
    return facts


def _checksum(backup: BackupFile) -> str:
    if backup.manifest is None:
        return "none recorded beside it"
    if backup.elsewhere:
        return f"SHA-256 {backup.manifest.sha256[:16]} recorded; the file lies elsewhere"
    if not fits(backup.path, backup.manifest):
        return "the file is not as long as it was: it was changed"
    held = " and found to hold" if backup.depth >= 1 else ", not checked since"
    return f"SHA-256 {backup.manifest.sha256[:16]} recorded{held}"


def _validated(backup: BackupFile) -> str:
    manifest = backup.manifest
    if manifest is None or not manifest.validated:
        return "never"
    if manifest.problem:
        return f"found bad: {manifest.problem}"
    try:
        at = f", {from_rfc3339(manifest.validated):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        at = ""
    meaning = DEPTHS[manifest.depth] if 0 <= manifest.depth < len(DEPTHS) else "?"
    return f"depth {manifest.depth}, {meaning}{at}"
