"""The check `retention`: old backups are removed in time, and the last good ones are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from actions.cleanup.backup_sets import sets_on_disk
from actions.cleanup.retention_policy import AT_LEAST, choose
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.units import Seconds, counted, duration, first_few
from probes.backup.manifest import Manifest

_FOURTEEN_DAYS = Seconds(14 * 86400)
_RUN_OVERDUE = timedelta(hours=26)
"""Retention runs once a night: a set may be due for a day and two hours."""


@dataclass(frozen=True)
class CheckRetention(Thresholds, Check):
    """Holds while no nightly set is left that retention should have removed, and each database keeps two good backups.

    A set is due when it is older than `older_than` and none of the promises of `clean-backups` keeps it; after one more
    run of retention (26 h) it should be gone. Good is what the manifests say. Warning from one such set on, and where a
    database has fewer than two good backups; critical from eight sets on: a week without retention.
    """

    name: ClassVar[str] = "retention"
    summary: ClassVar[str] = "Old backup sets are removed in time, and the last good ones are kept"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    default_warning: ClassVar[str] = "0"
    default_critical: ClassVar[str] = "7"

    older_than: Seconds = param("the age from which retention removes a set", default=_FOURTEEN_DAYS)

    def evaluate(self, context: Context) -> Outcome:
        """Find the sets that are overdue and the databases with too few good backups."""
        place, databases = context.location("backups"), [one.database for one in context.runbook.targets.values()]
        try:
            sets, left = sets_on_disk(place, databases)
        except OSError as error:
            raise OutcomeUnknown(f"{place} cannot be listed: {error.strerror}", hint="Look at the disk") from error
        held = [replace(one.held, depths={name: _depth(path) for name, path in one.backups.items()}) for one in sets]
        now = context.clock.now()
        due = choose(held, databases, now, 0, before=now - timedelta(seconds=self.older_than) - _RUN_OVERDUE)
        oldest = max(((now - one.started).total_seconds() for one in held), default=0.0)
        findings = Findings(
            f"{counted(len(held), 'set')}, the oldest {duration(max(0.0, oldest))} old; none is overdue"
        )
        findings.figures = [
            self.main_figure("overdue sets", len(due.remove), 0),
            Figure("sets", len(held), low=0),
            Figure("oldest", max(0.0, oldest), "s", low=0),
        ]
        if due.remove:
            findings.about = f"due: {first_few(str(one.name) for one in due.remove)}"
        if not held:
            findings.unknown(f"there is no backup set in {place}")
        elif due.thin:
            findings.warn(f"fewer than {AT_LEAST} good backups of {first_few(due.thin)}, so nothing of theirs may go")
        if left:
            findings.warn(f"no set that retention knows: {first_few(f'{name} ({why})' for name, why in left)}")
        return findings.outcome()


def _depth(path: Path) -> int:
    manifest = Manifest.read(path)
    return manifest.depth if manifest is not None and not manifest.problem else 0
