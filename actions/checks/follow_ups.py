"""The check `follow-ups`: those of an incident are assigned; those of all incidents are not overdue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import ClassVar

from actions.support.incident_values import value_of
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings
from midwatch.api.parameters import param
from midwatch.incident.follow_ups import ANSWER, parse_follow_ups
from midwatch.system.units import Seconds, counted, first_few

_MONTH = Seconds(30 * 86400)


@dataclass(frozen=True)
class CheckFollowUps(Check):
    """In an incident: holds when at least `least` follow-up actions are written down and each has an owner and a due
    date. They are given as `follow_ups`, one a line (`what; owner; 2026-12-01`), or read from the incident's journal:
    the answer `follow_ups` of the step `step`.

    Outside of one: holds when no follow-up action of any incident is overdue or lacks owner or date. Critical when one
    is overdue for `critical_after`.
    """

    name: ClassVar[str] = "follow-ups"
    summary: ClassVar[str] = "Follow-up actions are assigned, and none is overdue"
    outputs: ClassVar[tuple[str, ...] | None] = ("count", "level")

    follow_ups: str = param("one a line: what; owner; date", default="")
    step: str = param("the step that asks for them", default="assign-follow-ups")
    least: int = param("how many there have to be", default=1, least=1)
    critical_after: Seconds = param("outside an incident: how late is critical", default=_MONTH)

    def evaluate(self, context: Context) -> Outcome:
        """Read the follow-up actions and check owners and due dates."""
        if context.incident is None and not self.follow_ups:
            return self._all(context)
        items = parse_follow_ups(self.follow_ups or value_of(context, self.step, ANSWER))
        faults = [f"follow-up {number} {item.missing}" for number, item in enumerate(items, start=1) if item.missing]
        values = {"count": str(len(items))}
        if len(items) < self.least:
            return Outcome(False, f"{len(items)} of {self.least} follow-up actions assigned", values)
        if faults:
            return Outcome(False, first_few(faults, between="; "), values)
        owners = ", ".join(dict.fromkeys(item.owner for item in items))
        return Outcome(True, f"{len(items)} follow-up action{'s' * (len(items) > 1)} assigned: {owners}", values)

    def _all(self, context: Context) -> Outcome:
        from midwatch.engine.follow_up_list import all_follow_ups

        today = context.clock.now().astimezone(UTC).date()
        everything, problems = all_follow_ups(context.runbook.location_of("logs"))
        listed = [one for one in everything if not one.item.done]
        found = Findings(f"{counted(len(listed), 'follow-up action')} open, none overdue")
        found.values["count"] = str(len(listed))
        for problem in problems:
            found.unknown(problem.sentence)
        for one in listed:
            late = one.item.days_late(today)
            if late:
                report = found.fail if late * 86400 >= self.critical_after else found.warn
                report(f"{one.name} ({one.item.owner or 'nobody'}) is {counted(late, 'day')} overdue")
            elif one.item.missing:
                found.warn(f"{one.name} {one.item.missing}")
        found.figures += [
            Figure("open", len(listed)),
            Figure("overdue", sum(bool(one.item.days_late(today)) for one in listed)),
        ]
        return found.outcome()
