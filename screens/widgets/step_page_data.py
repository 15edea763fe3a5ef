"""What the page of a step is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from midwatch.api.plan import Plan
from midwatch.incident.state import Incident
from midwatch.incident.step_state import CriterionState
from midwatch.output.progress import Advance
from midwatch.runbook.model import Runbook, Step


@dataclass(frozen=True, slots=True)
class PlanState:
    """What is known of a step's plan: being made since, made at, or impossible; and whether what it requires holds."""

    since: datetime | None = None
    plan: Plan | None = None
    at: datetime | None = None
    error: str = ""
    is_of_driver: bool = False
    """Whether the plan was made by the driver, for an observer to read: nobody else consents to it."""
    required: Mapping[str, CriterionState] | None = None
    """By the id of the requirement; None while it is looked at."""

    @property
    def planning(self) -> bool:
        return self.since is not None

    def unmet(self, step: Step) -> list[str]:
        """What the step requires and was found not to hold, or could not be determined; empty while nobody has
        looked."""
        found = self.required or {}
        return [item.title for item in step.preconditions if item.id in found and found[item.id].met is not True]


@dataclass(frozen=True, slots=True)
class StepPageData:
    """One step, the incident, and what is known beside them."""

    step: Step
    runbook: Runbook
    incident: Incident
    look: PlanState
    now: datetime
    steady: float
    """Seconds since the declaration, as `Incident.elapsed_now` counts them."""
    advance: Advance | None = None
    """Of the attempt that is running."""
    undoable: bool | None = None
    """Whether what the step did or will do can be undone; None while that cannot be known."""
    undo_key: str = "-"
    """The key that undoes it, as it is shown."""
    output_key: str = ""
    """Opens the output of the step; empty where that is no use."""
    earlier: str = ""
    """When an earlier incident did the step last, as a clause; empty where none did."""
    whole: bool = False
    """Also what is left out while it is not needed: the detail page."""
