"""The check `disk-guardrail`: a CI job may start, because the disks have room for what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.system.errors import MidwatchError
from midwatch.system.units import Size, percent, size
from probes.disk import short_name
from probes.storage.disk_usage import budgets_of, usage


@dataclass(frozen=True)
class CheckDiskGuardrail(Thresholds, Check):
    """Holds while each disk is at most 80 % full once the job has written `writes`, in space and in inodes, and is
    writable.

    For the beginning of a CI job, so without a warning: a job starts or does not. The limit is that of the plan's CI/CD
    safeguards. A disk that cannot be measured is unknown, which ends the job as well.
    """

    name: ClassVar[str] = "disk-guardrail"
    summary: ClassVar[str] = "The disks have room for a job"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "%"
    default_critical: ClassVar[str] = "80"

    paths: tuple[Path, ...] = param("folders on the disks (default: that of the backups)", default=())
    writes: Size = param("how much the job writes on each", default=Size(0))

    def evaluate(self, context: Context) -> Outcome:
        """Measure each disk, with what the job is going to write."""
        findings, said = Findings(), []
        for path in self.paths or (context.location("backups"),):
            where = short_name(path, context.runbook)
            try:
                found = usage(path, budgets_of(context.runbook))
            except MidwatchError as error:
                findings.unknown(error.sentence)
                continue
            findings.figures.append(self.main_figure(f"{where} used after the job", found.after(self.writes), 0))
            findings.figures.append(Figure(f"{where} free", found.free, "B", low=0))
            if found.read_only:
                findings.fail(f"{where} is mounted read only")
            if found.inodes_percent is not None:
                findings.figures.append(self.main_figure(f"{where} inodes", found.inodes_percent, 0))
            said.append(f"{where} has {size(found.free)} free, and is then {percent(found.after(self.writes))} full")
        findings.summary = "; ".join(said)
        return findings.outcome()
