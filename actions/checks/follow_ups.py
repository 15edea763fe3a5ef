"""The check `follow-ups`: every follow-up action has an owner and a due date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from actions.support.incident_values import value_of
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.system.units import first_few


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One action item: what is to be done, by whom, until when."""

    what: str
    owner: str
    due: str

    @property
    def missing(self) -> str:
        """What it lacks; empty when it is complete."""
        if not self.what:
            return "says nothing"
        if not self.owner:
            return "has no owner"
        try:
            date.fromisoformat(self.due)
        except ValueError:
            return f"has no date such as 2026-12-01 ({self.due})" if self.due else "has no due date"
        return ""


def follow_ups(text: str) -> list[FollowUp]:
    """Read `what; owner; due`, one a line; the last two semicolons count, so that the first part may hold some."""
    found = []
    for line in text.splitlines():
        if line.strip():
            parts = [part.strip() for part in line.rsplit(";", 2)]
            found.append(FollowUp(*[*parts, "", ""][:3]))
    return found


@dataclass(frozen=True)
class CheckFollowUps(Check):
    """Holds when at least `least` follow-up actions are written down and each has an owner and a due date.

    They are given as `follow_ups`, one a line (`what; owner; 2026-12-01`), or read from the incident's journal: the
    answer `follow_ups` of the step `step`.
    """

    name: ClassVar[str] = "follow-ups"
    summary: ClassVar[str] = "Follow-up actions are assigned, with owner and date"
    outputs: ClassVar[tuple[str, ...] | None] = ("count",)

    follow_ups: str = param("one a line: what; owner; date", default="")
    step: str = param("the step that asks for them", default="assign-follow-ups")
    least: int = param("how many there have to be", default=1, least=1)

    def evaluate(self, context: Context) -> Outcome:
        """Read the follow-up actions and check that each has an owner and a due date."""
        text = self.follow_ups or value_of(context, self.step, "follow_ups")
        items = follow_ups(text)
        faults = [f"follow-up {number} {item.missing}" for number, item in enumerate(items, start=1) if item.missing]
        values = {"count": str(len(items))}
        if len(items) < self.least:
            return Outcome(False, f"{len(items)} of {self.least} follow-up actions assigned", values)
        if faults:
            return Outcome(False, first_few(faults, between="; "), values)
        owners = ", ".join(dict.fromkeys(item.owner for item in items))
        return Outcome(True, f"{len(items)} follow-up action{'s' * (len(items) > 1)} assigned: {owners}", values)
