"""The check `db-health`: no server is about to run out of connections, ids or WAL space, and each one archives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support.each_target import ask_each
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings, Thresholds, read_range
from midwatch.api.parameters import param
from midwatch.api.probe import Level
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError
from midwatch.system.units import counted
from probes.postgres.connect import TooManyConnections
from probes.postgres.server_health import ServerHealth, read_server_health


@dataclass(frozen=True)
class CheckDbHealth(Thresholds, Check):
    """Holds while each server has connections to spare, no session that is idle in a transaction for long, transaction
    ids for long, no inactive replication slot that keeps WAL, and an archive that keeps up.

    Asks as the target's user, who sees the sessions of others as a member of `pg_monitor`; otherwise as the superuser
    where there is a way. What neither may see is unknown. A server that takes no more connections is critical.
    """

    name: ClassVar[str] = "db-health"
    summary: ClassVar[str] = "Servers have connections, transaction ids and WAL space left, and archive"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "%"
    default_warning: ClassVar[str] = "75"
    default_critical: ClassVar[str] = "90"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    idle_warning: str = param("range for the longest session idle in a transaction", default="5 min")
    idle_critical: str = param("range for the longest session idle in a transaction", default="15 min")
    xid_warning: str = param("range for transaction ids in use", default="50 %")
    xid_critical: str = param("range for transaction ids in use", default="75 %")
    slot_warning: str = param("range for the WAL that an inactive slot keeps", default="0")
    slot_critical: str = param("range for the WAL that an inactive slot keeps", default="10 GB")
    ready_warning: str = param("range for WAL files that wait for the archiver", default="10")
    ready_critical: str = param("range for WAL files that wait for the archiver", default="15")

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, unit in (("idle", "s"), ("xid", "%"), ("slot", "B"), ("ready", "")):
            self._figure(what, "", 0, unit)

    def evaluate(self, context: Context) -> Outcome:
        """Ask all servers side by side, and compare their figures with the limits."""
        findings = Findings()
        good = []
        details: list[str] = []
        for target, health in ask_each(context.runbook, self.targets, lambda target: _ask(context, target)):
            if isinstance(health, TooManyConnections):
                findings.fail(health.sentence)
            elif isinstance(health, MidwatchError):
                findings.unknown(health.sentence)
            else:
                details += self._judge(target.label, health, findings)
                good.append(f"{target.label} {health.connections} of {counted(health.most, 'connection')}")
        findings.summary, findings.about = "; ".join(good), "; ".join(details)
        return findings.outcome()

    def _judge(self, label: str, health: ServerHealth, findings: Findings) -> list[str]:
        """Add the figures of one server. Returns what explains those that are bad."""
        used = self.main_figure(f"{label} connections", 100 * health.connections / health.most, 0, 100)
        age = health.idle.age if health.idle else 0
        idle = self._figure("idle", f"{label} idle in transaction", age, "s")
        ids = self._figure("xid", f"{label} transaction ids", health.xid_percent, "%")
        slots = [
            self._figure("slot", f"{label} inactive slot {name} keeps", kept, "B")
            for name, kept in health.slots.items()
        ]
        findings.figures += [used, idle, ids, *slots]
        if not health.sees_all:
            findings.unknown(f"{label} hides what other sessions do: grant pg_monitor to its user")
        if health.archiver is not None and health.archiver.ready is not None:
            findings.figures.append(self._figure("ready", f"{label} WAL files to archive", health.archiver.ready))
        if health.archiver is not None and health.archiver.fails:
            failures = counted(health.archiver.failures, "failure")
            findings.warn(f"{label} cannot archive {health.archiver.file} ({failures} since its statistics began)")
        explained = (
            (used, f"{label} has {health.connections} of {counted(health.most, 'connection')}"),
            (idle, f"{label} is kept in its transaction by {health.idle}"),
            (ids, f"the oldest database of {label} is {health.xid_database}"),
        )
        return [text for figure, text in explained if figure.level is not Level.OK]

    def _figure(self, what: str, label: str, value: float, unit: str = "") -> Figure:
        warn, crit = (
            read_range(f"{what} {level}", getattr(self, f"{what}_{level}"), unit) for level in ("warning", "critical")
        )
        return Figure(label, value, unit, warn, crit, 0)


def _ask(context: Context, target: Target) -> ServerHealth | MidwatchError:
    try:
        return read_server_health(context.runbook, target)
    except MidwatchError as error:
        return error
