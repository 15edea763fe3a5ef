"""The check `backup-duration`: the newest backup of each target took about as long as those before it."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import ClassVar

from actions.checks.backup_size import COMPARED
from actions.support.target_backups import backups_by_target
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure, Range
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.units import Seconds, duration
from probes.backup.listed_backup import newest_by_kind
from probes.backup.size_anomaly import FEWEST

_MINUTE = Seconds(60)


@dataclass(frozen=True)
class CheckBackupDuration(Thresholds, Check):
    """Holds while the newest backup of each target took at most double the median time of the fourteen before it.

    Only backups of one kind are compared, nightly or emergency, and below three of them nothing is odd. A backup that
    took less than `at_least` is never slow. Critical above four times. With `longest` a time is the limit as well, such
    as the length of the backup window. Unknown where no manifest says how long the newest one took.
    """

    name: ClassVar[str] = "backup-duration"
    summary: ClassVar[str] = "The newest backup of each database took about as long as usual"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "%"
    default_warning: ClassVar[str] = "200"
    default_critical: ClassVar[str] = "400"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    at_least: Seconds = param("a backup that took less than this is never slow", default=_MINUTE)
    longest: Seconds | None = param("critical when it took longer than this", default=None)

    def evaluate(self, context: Context) -> Outcome:
        """Compare the time that the newest backup took with the usual time."""
        findings, times = Findings(), []
        limit = None if self.longest is None else Range(-math.inf, self.longest)
        for target, backups in backups_by_target(context, self.targets, findings):
            for newest, earlier in newest_by_kind(backups):
                which, took = f"{target.label} {newest.kind}", newest.took
                if took is None:
                    findings.unknown(f"nothing says how long {newest.name} of {target.label} took")
                    continue
                findings.figures.append(Figure(f"{which} took", took, "s", crit=limit, low=0))
                times.append(f"{which} {duration(took)}")
                before = [one.took for one in earlier if one.took is not None][:COMPARED]
                usual = statistics.median(before) if len(before) >= FEWEST else 0
                if usual and took >= self.at_least:
                    share = 100.0 * took / usual
                    findings.figures.append(self.main_figure(f"{which} share of the usual time", share, 0))
        findings.summary = f"the newest backups took: {', '.join(times)}"
        return findings.outcome()
