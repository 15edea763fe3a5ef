"""The probe `disk`: the usage of each file system, its growth, and other obstacles to a backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from midwatch.api.parameters import param
from midwatch.api.probe import Level, Probe, Reading, Row
from midwatch.runbook.model import Runbook
from midwatch.system.clock import Clock
from midwatch.system.errors import BadInput, MidwatchError
from midwatch.system.units import Percent, duration, percent, size
from probes.storage.disk_consumers import biggest_facts, consumers
from probes.storage.disk_trend import Trend, follow
from probes.storage.disk_usage import Budget, Usage, usage
from probes.storage.host_load import disk_activity, host_facts

WARN = Percent(80)
CRITICAL = Percent(95)
SOON = 3600.0
"""Seconds before being full that are worth a warning."""
ROOT = (Path("/"),)


@dataclass(frozen=True)
class DiskProbe(Probe):
    """Each path's file system in percent as `df` computes it, with free space, inodes and growth; load and memory
    below.

    A path that is missing, unreadable or does not answer within 3 seconds is a row that says so; the others are still
    read. The level of a row is that of its space or its inodes, whichever is worse.
    """

    name: ClassVar[str] = "disk"
    title: ClassVar[str] = "Disk"
    every: ClassVar[float] = 2.0

    paths: tuple[Path, ...] = param("folders whose file systems are watched", default=ROOT)
    warn: Percent = param("from here on it is a warning", default=WARN)
    critical: Percent = param("from here on it is critical", default=CRITICAL)
    budgets: tuple[str, ...] = param("PATH=SIZE=LABEL each: a limit that stands in for a mount", default=())

    def __post_init__(self) -> None:
        if self.warn > self.critical:
            sentence = (
                f"'warn' is {percent(self.warn)}, above 'critical', {percent(self.critical)}: it would never warn"
            )
            raise BadInput(sentence, hint="Give a smaller 'warn'")

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """Measure the usage of the file system."""
        try:
            budgets = [Budget.parse(text, runbook.resolve) for text in self.budgets]
        except MidwatchError as error:
            return Reading(self.name, clock.now(), error=str(error))
        rows = tuple(self._row(path, runbook, budgets, clock) for path in self.paths)
        return Reading(self.name, clock.now(), (*rows, _host()))

    def _row(self, path: Path, runbook: Runbook, budgets: Sequence[Budget], clock: Clock) -> Row:
        label = short_name(path, runbook)
        try:
            found = usage(path, budgets)
        except MidwatchError as error:
            return Row(label, error.sentence, Level.UNKNOWN, detail=error.hint)
        trend = follow(f"{path}", clock.monotonic(), found.used)
        full_in = trend.full_in(found.free)
        level = disk_level(found, self.warn, self.critical)
        if level is Level.OK and full_in is not None and full_in < SOON:
            level = Level.WARN
        growth = _growth(trend, full_in)
        activity = disk_activity(found.device, clock.monotonic())
        held = consumers(path) if level is not Level.OK else None
        return Row(
            label,
            _text(found, growth),
            level,
            number=round(found.percent, 2),
            unit="%",
            detail=_detail(found),
            data={
                "path": str(path),
                "total": found.total,
                "used": found.used,
                "free": found.free,
                "reserved": found.reserved,
                "inodes_percent": found.inodes_percent,
                "read_only": found.read_only,
                "label": found.label,
                "full_in": full_in,
                "pace": trend.pace,
            },
            brief=f"{percent(found.percent)} {size(found.free)} free",
            facts=(
                *_facts(found, trend.pace, growth, self.warn, self.critical),
                *([("activity", activity)] if activity else []),
                *biggest_facts(held, path),
            ),
            limits=(float(self.warn), float(self.critical)),
        )


def _host() -> Row:
    """Load and memory of the machine: a calm row, since a full disk is no reason to judge them."""
    facts = host_facts()
    load = facts["load"].split()[0]
    text = f"load {load}, memory {facts['memory'].partition(' of ')[0]} free"
    return Row("host", text, Level.OK, brief=f"load {load}", facts=tuple(facts.items()))


def disk_level(found: Usage, warn: float, critical: float) -> Level:
    """The level of a file system: by space, by inodes, and critical when nothing can be written at all."""
    worst = max(found.percent, found.inodes_percent or 0.0)
    if worst >= critical or found.read_only or (found.total > 0 and found.free == 0):
        return Level.CRITICAL
    return Level.WARN if worst >= warn else Level.OK


def short_name(path: Path, runbook: Runbook) -> str:
    """A path as the runbook would write it: relative to the base when it lies below."""
    return (
        str(path.relative_to(runbook.base)) if path != runbook.base and path.is_relative_to(runbook.base) else str(path)
    )


def _growth(trend: Trend, full_in: float | None) -> str:
    """How it goes on, in words; empty while the history is too short."""
    if trend.pace is None:
        return ""
    if full_in is None:
        return "growing" if trend.is_growing else "not growing"
    return f"full in {' '.join(duration(full_in).split()[:2])}"  # the pace is not known so well that more would be true


def _facts(found: Usage, pace: float | None, growth: str, warn: float, critical: float) -> list[tuple[str, str]]:
    """Everything for the full page."""
    facts = [("used", f"{size(found.used)} of {size(found.total)}"), ("free", size(found.free))]
    if found.reserved:
        facts.append(("reserved", f"{size(found.reserved)} for root"))
    if found.inodes_percent is not None:
        facts.append(("inodes", f"{percent(found.inodes_percent)} used"))
    rate = f", {size(pace)}/s" if pace is not None and pace > 1 else ""
    facts.append(("growth", f"{growth}{rate}" if growth else "not known yet"))
    facts.append(("limits", f"warning from {percent(warn)}, critical from {percent(critical)}"))
    return facts


def _text(found: Usage, growth: str) -> str:
    parts = [f"{percent(found.percent)} full", f"{size(found.free)} free"]
    parts += found.obstacles
    if growth:
        parts.append(growth)
    return ", ".join(parts) + (f" ({found.label})" if found.label else "")


def _detail(found: Usage) -> str:
    parts = [f"{size(found.used)} of {size(found.total)} used"]
    if found.free == 0 and found.reserved:
        parts.append(f"only root's reserve is left: {size(found.reserved)}")
    if found.inodes_percent is not None:
        parts.append(f"inodes {percent(found.inodes_percent)}")
    if found.inodes_percent is not None and found.inodes_percent >= 99.5 and found.free:
        parts.append("no inode is left although there is space")
    return "; ".join(parts)
