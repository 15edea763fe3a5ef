"""The check `backup-age`: the newest good backup of each target is young enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support.target_backups import backups_by_target
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.units import counted, duration


@dataclass(frozen=True)
class CheckBackupAge(Thresholds, Check):
    """Holds while the newest good backup of each target (read to its end, or deeper) is not older than the warning.

    A backup that nobody validated, or that has another length than it had then, does not count. Warning above 26 h: a
    night and two hours, as the recovery point objective of the backups panel. Critical above 50 h: two nights.
    """

    name: ClassVar[str] = "backup-age"
    summary: ClassVar[str] = "The newest good backup of each database is young enough"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "s"
    default_warning: ClassVar[str] = "26 h"
    default_critical: ClassVar[str] = "50 h"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())

    def evaluate(self, context: Context) -> Outcome:
        """Compare the age of the newest good backup with the thresholds."""
        findings, ages = Findings(), []
        for target, backups in backups_by_target(context, self.targets, findings):
            good = next((backup for backup in backups if backup.is_good), None)
            if good is None:
                findings.fail(f"{target.label} has no good backup, and {counted(len(backups), 'other')}")
                continue
            age = max(0.0, (context.clock.now() - good.started).total_seconds())
            findings.figures.append(self.main_figure(f"{target.label} age", age, 0))
            ages.append(f"{target.label} {duration(age)}")
        findings.summary = f"newest good backups: {', '.join(ages)} old"
        return findings.outcome()
