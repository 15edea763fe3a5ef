"""The check `backup-redundancy`: there are several good backups of each target, in several places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from actions.cleanup.retention_policy import AT_LEAST
from actions.support.target_backups import backups_by_target
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure, Range
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.units import counted


@dataclass(frozen=True)
class CheckBackupRedundancy(Thresholds, Check):
    """Holds while each target has at least two good backups, as many as `clean-backups` always keeps, on at least
    `places` file systems, hosts or buckets. Critical without a good one.
    """

    name: ClassVar[str] = "backup-redundancy"
    summary: ClassVar[str] = "Each database has several good backups, in several places"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    default_warning: ClassVar[str] = f"{AT_LEAST}:"
    default_critical: ClassVar[str] = "1:"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    places: int = param("on how many file systems or hosts they have to lie", default=1, least=1)

    def evaluate(self, context: Context) -> Outcome:
        """Count the good backups of each target and the places where they lie."""
        findings, counts = Findings(), []
        wanted = Range(self.places, math.inf)
        for target, backups in backups_by_target(context, self.targets, findings):
            good = [backup for backup in backups if backup.is_good]
            places = len({backup.place for backup in good})
            findings.figures.append(self.main_figure(f"{target.label} good backups", len(good), 0))
            findings.figures.append(Figure(f"{target.label} places", places, "", wanted if good else None, None, 0))
            counts.append(f"{target.label} {counted(len(good), 'good backup')} in {counted(places, 'place')}")
        findings.summary = "; ".join(counts)
        return findings.outcome()
