"""The check `disk`: the file system has enough free space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.probe import Level
from midwatch.system.units import Percent, percent, size
from probes.disk import disk_level, short_name
from probes.storage.disk_usage import budgets_of, usage

EIGHTY = Percent(80)


@dataclass(frozen=True)
class CheckDisk(Check):
    """Holds while the file system of `path` is less full than `below`, in space and in inodes.

    The percentage is the one that `df` computes. A budget of the runbook's disk panel counts as the file system. With
    `warn` or `crit` given, `midwatch check` answers with the codes of monitoring plug-ins, and it holds while neither
    is reached. Unknown when the path is not there or its file system does not answer within 3 seconds.
    """

    name: ClassVar[str] = "disk"
    summary: ClassVar[str] = "The disk is less full than a limit"
    outputs: ClassVar[tuple[str, ...] | None] = ("percent", "free", "level")

    path: Path = param("a folder on the file system")
    below: Percent = param("it holds below this", default=EIGHTY)
    warn: Percent | None = param("warning from here on, for monitoring", default=None)
    crit: Percent | None = param("critical from here on, for monitoring", default=None)

    def evaluate(self, context: Context) -> Outcome:
        """Measure the file system and compare its usage with the limits."""
        found = usage(self.path, budgets_of(context.runbook))
        limit = min([mark for mark in (self.warn, self.crit) if mark is not None], default=self.below)
        level = disk_level(
            found, self.warn if self.warn is not None else limit, self.crit if self.crit is not None else 100.0
        )
        ok = level is Level.OK
        comparison = "below" if ok else "not below"
        summary = (
            f"{short_name(self.path, context.runbook)} is {found.percent:.1f} % full, {comparison} {percent(limit)}"
        )
        summary += f"; {size(found.free)} free"
        if found.inodes_percent is not None and found.inodes_percent >= limit:
            summary += f"; inodes {percent(found.inodes_percent)} used"
        if found.read_only:
            summary += "; mounted read only"
        if found.label:
            summary += f" ({found.label})"
        values = {"percent": f"{found.percent:.1f}", "free": str(found.free), "level": level.value}
        return Outcome(ok, summary, values)
