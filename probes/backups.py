"""The probe `backups`: one row for each target with the newest good backup, its age and depth, and running backups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from midwatch.api.parameters import param
from midwatch.api.probe import Level, Probe, Reading, Row
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.clock import Clock
from midwatch.system.errors import MidwatchError
from midwatch.system.units import Seconds, duration, size
from probes.backup.backup_catalog import BackupFile, backups_of, being_written
from probes.backup.backup_report import ReportCache
from probes.backup.proof_log import ProofLog, ProvenBackup, newest_proven, read_proofs
from probes.backup.size_anomaly import MOST, alike, backup_facts, oddity

DAY_AND_TWO_HOURS = Seconds(26 * 3600)
REPORT_S = 120.0
"""Seconds for which the answer of another tool is kept."""
_NONE = "none"


@dataclass(frozen=True)
class BackupsProbe(Probe):
    """Age of each target's newest backup against the recovery point objective (RPO). Reads manifests, never a backup.

    A backup that nobody validated is shown as such, and is never counted as good.
    """

    name: ClassVar[str] = "backups"
    title: ClassVar[str] = "Backups"
    every: ClassVar[float] = 10.0

    rpo: Seconds = param("how old the newest backup may be", default=DAY_AND_TWO_HOURS)

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """Judge the newest backup of each target."""
        if not runbook.targets:
            return Reading(self.name, clock.now(), error="the runbook names no targets")
        try:
            proofs = read_proofs(runbook)
        except MidwatchError as error:
            proofs = ProofLog(problems=(error.sentence,))
        rows: list[Row] = []
        for target in runbook.targets.values():
            row, reported = self._row(runbook, target, clock, proofs), self._reported(runbook, target, clock)
            if reported is None or row.text != _NONE or reported.number is None:
                rows.append(row)  # else all backups of this target are those of the other tool
            rows += [reported] if reported is not None else []
        return Reading(self.name, clock.now(), tuple(rows))

    @cached_property
    def _reports(self) -> ReportCache:
        return ReportCache(REPORT_S)

    def _reported(self, runbook: Runbook, target: Target, clock: Clock) -> Row | None:
        """The newest good backup that another tool reports; None where the target names no such report."""
        if target.backup_report is None:
            return None
        label = f"{target.label}, {target.backup_report.command.split()[0].rpartition('/')[2]}"
        asked_at, found = self._reports.backups(runbook, target.backup_report, clock)
        is_kept = (clock.now() - asked_at).total_seconds() > self.every
        as_of = [f"as of {asked_at:%H:%M} UTC"] if is_kept else []
        asked = ("asked", f"{asked_at:%H:%M:%S} UTC, and again every {duration(REPORT_S)}")
        if isinstance(found, MidwatchError):
            words = [found.sentence, *as_of]
            return Row(label, ", ".join(words), Level.UNKNOWN, detail=found.hint, facts=(asked,))
        if not found:
            return Row(label, ", ".join([_NONE, *as_of]), Level.CRITICAL, brief=_NONE, facts=(asked,))
        newest = next((backup for backup in found if backup.is_good), found[0])
        age = max(0.0, (clock.now() - newest.started).total_seconds())
        late = age > self.rpo
        words = [f"{duration(age)} old", *(["late"] if late else []), size(newest.size), newest.kind]
        words += [] if newest.is_good else ["not good by its own account"]
        words += as_of
        facts = (
            asked,
            ("newest", f"{newest.started:%Y-%m-%d %H:%M} UTC, {newest.name}"),
            ("took", "not known" if newest.took is None else duration(newest.took)),
            ("lies in", newest.place),
            ("kept", f"{len(found)}, of them {sum(backup.is_good for backup in found)} good"),
        )
        level = Level.CRITICAL if late else Level.OK if newest.is_good else Level.WARN
        curve = (float(newest.size), "B")
        return Row(
            label, ", ".join(words), level, age, "s", detail=newest.name, facts=facts, limits=(float(self.rpo),),
            curve=curve,
        )  # fmt: skip

    def _row(self, runbook: Runbook, target: Target, clock: Clock, proofs: ProofLog) -> Row:
        try:
            found, writing = backups_of(runbook, target), being_written(runbook, target)
            now = f", {_size_of(writing)} being written" if writing is not None else ""
        except OSError as error:
            return Row(target.label, f"cannot be listed: {error.strerror}", Level.UNKNOWN)
        except MidwatchError as error:
            return Row(target.label, error.sentence, Level.UNKNOWN, detail=error.hint)
        running = (("running now", now.lstrip(", ")),) if now else ()
        if not found:
            return Row(target.label, f"{_NONE}{now}", Level.CRITICAL, brief=f"{_NONE}{now}", facts=running)
        good = next((backup for backup in found if backup.good), None)
        newest = good or found[0]
        age = _age(newest, clock)
        late = age > self.rpo
        parts = [f"{duration(age)} old", size(newest.size)]
        odd = oddity(newest, found)
        if odd:
            parts.append(odd)
        if good is None:
            parts.append(f"depth {newest.depth} only" if newest.depth else "never validated")
        elif good.manifest is not None:
            parts.append(f"depth {good.manifest.depth}")
        proven = newest_proven(found, proofs)
        if proven is not None:
            newer = f", {duration(_age(proven.backup, clock))} old" if proven.backup is not newest else ""
            parts.append(f"proven{newer}")
        if late:
            parts.insert(1, "late")
        level = Level.CRITICAL if late else Level.WARN if good is None or odd else Level.OK
        data = {"size": newest.size, "depth": newest.depth, "path": newest.location, "count": len(found)}
        return Row(
            target.label,
            ", ".join(parts) + now,
            level,
            age,
            "s",
            detail=newest.location,
            data=data,
            brief=f"{duration(age)} old" + (", late" if late else ", not validated" if good is None else ""),
            facts=(
                *running,
                *backup_facts(newest, found, age, self.rpo, odd),
                ("proven restorable", _proven(proven, proofs, clock)),
            ),
            limits=(float(self.rpo),),
            curve=(float(newest.size), "B"),
            series=tuple(float(backup.size) for backup in reversed(alike(newest, found)[:MOST])),
        )


def _age(backup: BackupFile, clock: Clock) -> float:
    return max(0.0, (clock.now() - backup.started).total_seconds())


def _proven(proven: ProvenBackup | None, proofs: ProofLog, clock: Clock) -> str:
    if proven is None:
        return f"not known: {proofs.problems[0]}" if proofs.problems else "none was restored yet: midwatch proof run"
    restored = duration(max(0.0, (clock.now() - proven.proof.moment).total_seconds()))
    return f"{proven.backup.path.name}, {duration(_age(proven.backup, clock))} old, restored {restored} ago"


def _size_of(writing: Path) -> str:
    """How much is there; it may be done and have its own name by now."""
    try:
        return size(writing.stat().st_size)
    except FileNotFoundError:
        return "the last of it"
