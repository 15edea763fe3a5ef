"""What has happened to one step: its attempts, their tries, and how its checks were evaluated last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from midwatch.api.plan import Plan
from midwatch.api.probe import Reading
from midwatch.incident.events import StepOutcome, ending_words
from midwatch.incident.persistent import PersistentList
from midwatch.incident.step_status import StepStatus


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A failed try of an attempt at a step with `retry`, which another try follows."""

    number: int
    of: int
    exit: int
    ended_at: datetime


@dataclass(slots=True)
class Attempt:
    """One try at a step."""

    number: int
    actor: str
    confirmed_at: datetime
    plan: Plan | None = None
    """As the event has room for it; the whole is in the attempt's folder."""
    digest: str = ""
    """Of the whole plan."""
    effects: int = 0
    """Of the whole plan, as far as they change something."""
    undoes: int | None = None
    """The attempt that this one takes back."""
    unmet: tuple[str, ...] = ()
    """What the step requires and did not hold when it was run all the same, with what was found."""
    status_before: StepStatus = StepStatus.TODO
    """Of the step, when this attempt began; an undo that fails leaves it there."""
    started_at: datetime | None = None
    command: str = ""
    supervisor: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None
    seconds: float | None = None
    outcome: StepOutcome | None = None
    exit: int | None = None
    summary: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Reading] = field(default_factory=dict)
    """By panel."""
    after: Mapping[str, Reading] = field(default_factory=dict)
    approved_by: str = ""
    """The second person, where the step takes two."""
    began: float = 0.0
    """Seconds from the incident's declaration to its start, by the boot clock."""

    tries: tuple[FailedTry, ...] = ()

    @property
    def ending(self) -> str:
        """How it ended, with its exit status where that says more; `running` before."""
        if self.outcome:
            return ending_words(self.outcome, self.exit)
        return ", ".join(filter(None, ("running", self.present_try)))

    @property
    def present_try(self) -> str:
        """The try that runs or is waited for, `try 2 of 4`; empty where none has failed yet."""
        return f"try {self.tries[-1].number + 1} of {self.tries[-1].of}" if self.tries else ""

    def runs_for(self, elapsed_now: float) -> float:
        """Seconds for which it is running."""
        return max(0.0, elapsed_now - self.began)


@dataclass(slots=True)
class StepState:
    """What has happened to one step."""

    id: str
    status: StepStatus = StepStatus.TODO
    attempts: PersistentList[Attempt] = field(default_factory=PersistentList)
    ever_failed: bool = False
    actor: str = ""
    """Who marked done, skipped or ran it last."""
    concluded_at: datetime | None = None
    reason: str = ""
    """Of the skip, the failure manually or the reopening; or the note of the tick."""
    values: Mapping[str, str] = field(default_factory=dict)
    checked: Mapping[str, CriterionState] = field(default_factory=dict)
    """What the checks of its `when:` found, by their ids."""
    needed: bool = False
    """Whether a person decided that it is needed, whatever its `when:` says."""

    @property
    def last(self) -> Attempt | None:
        """The latest attempt; None when the step was never attempted."""
        return self.attempts[-1] if self.attempts else None


@dataclass(slots=True)
class CriterionState:
    """How a closure criterion was last evaluated; `met` is None when that is unknown."""

    met: bool | None
    detail: str
    at: datetime
