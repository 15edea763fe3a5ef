"""The check `disk`: the file system has enough free space and inodes, and does not fill up within a day."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure, Range
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.system.units import Percent, Seconds, duration, size
from probes.disk import short_name
from probes.storage.disk_history import forecast
from probes.storage.disk_usage import Usage, budgets_of, usage

_DAY = Seconds(86400)


@dataclass(frozen=True)
class CheckDisk(Thresholds, Check):
    """Holds while the file system of `path` is less full than the warning, in space and in inodes, is writable, and is
    not going to be full within `full_within` at the pace of the last three hours.

    The percentage is the one that `df` computes. A budget of the runbook's disk panel counts as the file system. The
    pace comes from a history file, to which each evaluation adds its reading. `below` replaces both thresholds by one.
    Unknown when the path is not there or its file system does not answer within 3 seconds.
    """

    name: ClassVar[str] = "disk"
    summary: ClassVar[str] = "The disk is less full than a limit, and stays so for a day"
    outputs: ClassVar[tuple[str, ...] | None] = ("percent", "free", "level", "full_in")
    unit: ClassVar[str] = "%"
    default_warning: ClassVar[str] = "80"
    default_critical: ClassVar[str] = "90"

    path: Path = param("a folder on the file system")
    below: Percent | None = param("it holds below this, and is critical from here on", default=None)
    full_within: Seconds = param("a warning when it will be full this soon", default=_DAY)

    def evaluate(self, context: Context) -> Outcome:
        """Measure the file system and compare its usage with the limits."""
        found = usage(self.path, budgets_of(context.runbook))
        where = short_name(self.path, context.runbook)
        free = f"{size(found.free)} free{f' ({found.label})' if found.label else ''}"
        findings = Findings(f"{where} is {found.percent:.1f} % full; {free}")
        findings.values |= {"percent": f"{found.percent:.1f}", "free": str(found.free)}
        full = self._ranges(self.ranges)
        findings.figures.append(Figure(f"{where} used", found.percent, "%", *full, 0, 100))
        if found.inodes_percent is not None:
            inodes = self._ranges((Range.parse("80"), Range.parse("90")))
            findings.figures.append(Figure(f"{where} inodes", found.inodes_percent, "%", *inodes, 0, 100))
        if found.read_only:
            findings.fail(f"{where} is mounted read only")
        elif found.total > 0 and found.free == 0:
            findings.fail(f"{where} takes nothing more from an ordinary user")
        if self.below is None:
            self._forecast(context, found, where, findings)
        findings.about = free
        return findings.outcome()

    def _ranges(self, usual: tuple[Range | None, Range | None]) -> tuple[Range | None, Range | None]:
        return usual if self.below is None else (None, Range(self.below, math.inf, inside=True))

    def _forecast(self, context: Context, found: Usage, where: str, findings: Findings) -> None:
        full_in = forecast(context.runbook, self.path, context.clock.now(), found)
        if full_in is None:
            return
        findings.values["full_in"] = f"{full_in:.0f}"
        findings.figures.append(Figure(f"{where} full in", full_in, "s"))
        if full_in < self.full_within:
            about = " ".join(duration(full_in).split()[:2])  # the pace is not known so well that more would be true
            findings.warn(f"{where} is full in about {about} at the pace of the last 3 h")
