"""The check `services`: does every target answer, take logins, and run where it should?"""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass
from typing import ClassVar

from midwatch.action import Check, Context, Outcome
from midwatch.errors import MidwatchError, OutcomeUnknown
from midwatch.parameters import param
from midwatch.runbook.model import Runbook, Target
from probes.postgres.activity import Activity, look


@dataclass(frozen=True)
class CheckServices(Check):
    """Holds when each target (or those named) answers a query of its application's user and is not in recovery.

    Each is looked at side by side, within about ten seconds. What does not answer is named; unknown only when the sole
    reason is that nothing can be said.
    """

    name: ClassVar[str] = "services"
    summary: ClassVar[str] = "Every database answers its application"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())

    def evaluate(self, context: Context) -> Outcome:
        wanted = self.targets or tuple(context.runbook.targets.values())
        if not wanted:
            raise OutcomeUnknown("The runbook names no targets", hint="Name them under 'targets:'")
        with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
            found = list(pool.map(lambda target: _state(context.runbook, target), wanted))
        bad = [f"{target.label}: {text}" for target, (ok, text) in zip(wanted, found, strict=True) if not ok]
        if bad:
            return Outcome(False, "; ".join(bad))
        return Outcome(True, "; ".join(f"{target.label} {text}" for target, (_, text) in zip(wanted, found, strict=True)))


def _state(runbook: Runbook, target: Target) -> tuple[bool, str]:
    try:
        activity: Activity = look(runbook, target)
    except MidwatchError as error:
        return False, error.sentence
    if activity.in_recovery:
        return False, "in recovery: it takes no writes"
    return True, f"ok, PostgreSQL {activity.version}"
