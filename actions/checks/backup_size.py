"""The check `backup-size`: the newest backup of each target is about as large as those before it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import ClassVar

from actions.support.target_backups import backups_by_target
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.units import size
from probes.backup.listed_backup import newest_by_kind
from probes.backup.size_anomaly import FEWEST

COMPARED = 14
"""Earlier backups with which the newest is compared: two weeks of nights."""


@dataclass(frozen=True)
class CheckBackupSize(Thresholds, Check):
    """Holds while the newest backup of each target has 50 % to 200 % of the median size of the fourteen before it.

    Only backups of one kind are compared, nightly or emergency, and below three of them nothing is odd. Critical below
    10 %: what is left then is a schema without rows. An empty file is always critical.
    """

    name: ClassVar[str] = "backup-size"
    summary: ClassVar[str] = "The newest backup of each database is about as large as usual"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "%"
    default_warning: ClassVar[str] = "50:200"
    default_critical: ClassVar[str] = "10:"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())

    def evaluate(self, context: Context) -> Outcome:
        """Compare the size of the newest backup with the usual size."""
        findings, sizes = Findings(), []
        for target, backups in backups_by_target(context, self.targets, findings):
            for newest, earlier in newest_by_kind(backups):
                which = f"{target.label} {newest.kind}"
                findings.figures.append(Figure(f"{which} size", newest.size, "B", low=0))
                usual = statistics.median(one.size for one in earlier[:COMPARED]) if len(earlier) >= FEWEST else 0
                if newest.size == 0:
                    findings.fail(f"{target.label}: {newest.name} is empty")
                elif usual:
                    share = 100.0 * newest.size / usual
                    findings.figures.append(self.main_figure(f"{which} share of the usual size", share, 0))
                    sizes.append(f"{which} {size(newest.size)}, usually {size(usual)}")
                else:
                    sizes.append(f"{which} {size(newest.size)}, too few before it to compare")
        findings.summary = "; ".join(sizes)
        return findings.outcome()
