"""The check `command`: a script of the runbook reports its state as monitoring plug-ins do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan
from midwatch.api.probe import Level
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.units import Seconds
from probes.monitoring.plugin_output import USUAL, Report, report_of, require_runnable


@dataclass(frozen=True)
class CheckCommand(Check):
    """Holds when the script ends with exit status 0. Warning (1) and critical (2) do not hold.

    Unknown: status 3, any other status, a signal, and no end within `timeout`. The first line that the script prints is
    the sentence; figures behind a `|` become values. That the script changes nothing is a promise of its author.
    """

    name: ClassVar[str] = "command"
    summary: ClassVar[str] = "A script of the runbook says so, as a monitoring plug-in does"

    run: str = param("the script, of bash or of its #! line; it observes only", literal=True)
    timeout: Seconds = param("when it is ended; then the check is unknown", default=USUAL)
    env: Mapping[str, str] | None = param("variables of the script", default=None)

    def __post_init__(self) -> None:
        require_runnable(self.timeout, self.env or {})

    def plan(self, context: Context) -> Plan:
        """Show the script."""
        draft = self.draft()
        draft.fact("command", self.run.strip())
        return draft.plan()

    def evaluate(self, context: Context) -> Outcome:
        """Run the script and read its state."""
        report = report_of(self.run, context.runbook, limit=self.timeout, variables=self.env or {})
        if report.level is Level.UNKNOWN:
            raise OutcomeUnknown(report.sentence)
        return Outcome(report.level is Level.OK, report.sentence, _values(report), report.level, report.figures)


def _values(report: Report) -> dict[str, str]:
    """The state, and each figure that a reference can name; the first of two with one name counts."""
    values = {"level": report.level.value}
    for figure in report.figures:
        values.setdefault(re.sub(r"[^A-Za-z0-9_.-]+", "_", figure.label), f"{figure.value:g}")
    return values
