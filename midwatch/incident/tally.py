"""Counts the steps of an incident by their status, in the same words for every front end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from midwatch.incident.step_status import StepStatus

_ORDER = (
    StepStatus.DONE,
    StepStatus.SKIPPED,
    StepStatus.FAILED,
    StepStatus.UNKNOWN,
    StepStatus.UNDECIDED,
    StepStatus.PROVE_AGAIN,
    StepStatus.RUNNING,
    StepStatus.TODO,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many steps have each status. Steps that are not needed are not counted."""

    counts: tuple[tuple[StepStatus, int], ...]
    """Only statuses that occur, done ones first."""

    @classmethod
    def of(cls, statuses: Iterable[StepStatus]) -> Tally:
        """The tally of these statuses."""
        found = Counter(statuses)
        return cls(tuple((status, found[status]) for status in _ORDER if found[status]))

    @property
    def total(self) -> int:
        """All of them."""
        return sum(count for _, count in self.counts)

    @property
    def done(self) -> int:
        """Those that are done; a skipped step is not."""
        return dict(self.counts).get(StepStatus.DONE, 0)

    @property
    def words(self) -> str:
        """`1 done, 23 skipped, 14 to do`; empty where there is no step."""
        return ", ".join(f"{count} {status}" for status, count in self.counts)

    @property
    def short_words(self) -> str:
        """`1/38, 23 skipped`: what was done of all, and what was passed over or went wrong."""
        apart = _ORDER[1:-2]
        rest = "".join(f", {count} {status}" for status, count in self.counts if status in apart)
        return f"{self.done}/{self.total}{rest}"
