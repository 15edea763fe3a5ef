"""The probe `databases`: one row a target, by the login that its application uses."""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass
from typing import ClassVar

from midwatch.clock import Clock
from midwatch.errors import MidwatchError
from midwatch.parameters import param
from midwatch.probe import Level, Probe, Reading, Row
from midwatch.runbook.model import Runbook, Target
from midwatch.units import Seconds, duration, size
from probes.postgres.activity import look
from probes.postgres.connect import AuthenticationFailed


@dataclass(frozen=True)
class DatabasesProbe(Probe):
    """Each target: answers or not, lets the application in or not, version, connections, the longest transaction.

    A login that is refused is critical; a server that cannot be asked is unknown. Targets are asked side by side, so that
    one that hangs holds none of the others up.
    """

    name: ClassVar[str] = "databases"
    title: ClassVar[str] = "Databases"
    every: ClassVar[float] = 5.0

    long: Seconds = param("how long a transaction may be open before it is worth a warning", default=Seconds(900.0))

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        targets = list(runbook.targets.values())
        if not targets:
            return Reading(self.name, clock.now(), error="the runbook names no targets")
        with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
            rows = tuple(pool.map(lambda target: self._row(runbook, target), targets))
        return Reading(self.name, clock.now(), rows)

    def _row(self, runbook: Runbook, target: Target) -> Row:
        try:
            found = look(runbook, target)
        except AuthenticationFailed as error:
            return Row(target.label, f"refused: {_reason(error.sentence)}", Level.CRITICAL, detail=error.hint)
        except MidwatchError as error:
            return Row(target.label, error.sentence.removeprefix(f"{target.label} "), Level.UNKNOWN, detail=error.hint)
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
        data = {"size": found.size, "connections": found.connections, "longest": found.longest, "waiting": found.waiting}
        return Row(target.label, f"ok {', '.join(parts)}", level, detail=f"{target.database}: {size(found.size)}", data=data)


def _reason(sentence: str) -> str:
    return sentence.partition(": ")[2] or sentence
