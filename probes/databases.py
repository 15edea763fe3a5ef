"""The probe `databases`: one row for each target, measured with the login of its application."""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass
from typing import ClassVar

from midwatch.api.parameters import param
from midwatch.api.probe import Level, Probe, Reading, Row
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.clock import Clock
from midwatch.system.errors import MidwatchError
from midwatch.system.units import Seconds, duration, size
from probes.postgres.activity import Activity, read_activity
from probes.postgres.connect import AuthenticationFailed


@dataclass(frozen=True)
class DatabasesProbe(Probe):
    """Each target: answers or not, lets the application in or not, version, connections, the longest transaction.

    A login that is refused is critical; a server that cannot be asked is unknown. Targets are asked side by side, so
    that one that hangs holds none of the others up.
    """

    name: ClassVar[str] = "databases"
    title: ClassVar[str] = "Databases"
    every: ClassVar[float] = 5.0

    long: Seconds = param("how long a transaction may be open before it is worth a warning", default=Seconds(900.0))

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """Check each target and its server."""
        targets = list(runbook.targets.values())
        if not targets:
            return Reading(self.name, clock.now(), error="the runbook names no targets")
        with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
            rows = tuple(pool.map(lambda target: self._row(runbook, target), targets))
        return Reading(self.name, clock.now(), rows)

    def _row(self, runbook: Runbook, target: Target) -> Row:
        try:
            found = read_activity(runbook, target)
        except AuthenticationFailed as error:
            reason = _reason(error.sentence)
            facts = (("reachable", "yes"), ("login", f"refused: {reason}"), ("as", target.user))
            return Row(
                target.label, f"refused: {reason}", Level.CRITICAL, detail=error.hint, brief="refused", facts=facts
            )
        except MidwatchError as error:
            sentence = error.sentence.removeprefix(f"{target.label} ")
            unknown = (("reachable", f"not known: {sentence}"),)
            return Row(target.label, sentence, Level.UNKNOWN, detail=error.hint, brief="no answer", facts=unknown)
        parts = [found.version, f"{found.connections} conn"]
        level = Level.OK
        if found.longest >= 1:
            parts.append(f"longest {duration(found.longest)}")
        if found.waiting:
            parts.append(f"{found.waiting} waiting for locks")
        if found.longest > self.long or found.waiting:
            level = Level.WARN
        if found.in_recovery:
            parts.append("in recovery")
            level = Level.CRITICAL
        data = {
            "size": found.size,
            "connections": found.connections,
            "longest": found.longest,
            "waiting": found.waiting,
        }
        return Row(
            target.label,
            f"ok {', '.join(parts)}",
            level,
            detail=f"{target.database}: {size(found.size)}",
            data=data,
            brief=f"{found.connections} conn" if level is Level.OK else ", ".join(parts[2:]),
            facts=_facts(target, found),
            curve=(float(found.connections), "connections"),
        )


def _facts(target: Target, found: Activity) -> tuple[tuple[str, str], ...]:
    login = "by password" if found.used_password else "without a password"
    longest = duration(found.longest) if found.longest >= 1 else "none longer than a second"
    facts = [
        ("reachable", "yes"),
        ("login", f"{login}, as {target.user or 'the default user'}"),
        ("version", f"PostgreSQL {found.version}" + (", in recovery" if found.in_recovery else "")),
        ("size", f"{size(found.size)} in {target.database}"),
        ("connections", f"{found.connections} of {found.most}"),
        ("longest", f"transaction {longest}"),
        ("locks", f"{found.waiting} waiting" if found.waiting else "nobody waits"),
    ]
    if found.replicas or found.in_recovery:
        behind = "not known to this login" if found.lag is None else f"{duration(found.lag)} behind"
        facts.append(("replication", behind if found.in_recovery else f"{found.replicas} standbys, {behind}"))
    else:
        facts.append(("replication", "none"))
    return tuple(facts)


def _reason(sentence: str) -> str:
    return sentence.partition(": ")[2] or sentence
