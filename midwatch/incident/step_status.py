"""The status of a step."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class StepStatus(StrEnum):
    """The status of a step."""

    TODO = "to do"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not needed"
    UNDECIDED = "undecided"
    """Whether it is needed cannot be known from what the incident recorded; a person decides."""
    PROVE_AGAIN = "to be proved again"
    """It was done, and an undo took back what it had proved."""

    @property
    def concluded(self) -> bool:
        """Whether the step needs no more work."""
        return self in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED)

    @property
    def waits(self) -> bool:
        """Whether the step waits for somebody to do it or to decide about it."""
        return not self.concluded and self is not StepStatus.RUNNING

    @property
    def is_runnable(self) -> bool:
        """Whether the step is to do, or to do again, so that nobody has to give a reason to run it."""
        return self in (StepStatus.TODO, StepStatus.FAILED, StepStatus.PROVE_AGAIN)


def joint_status(statuses: Iterable[StepStatus]) -> StepStatus:
    """The status of a loop, from those of its items: what runs, then what waits for a person, then what is to do."""
    found = set(statuses)
    return next((status for status in _JOINT_ORDER if status in found), StepStatus.NOT_NEEDED)


_JOINT_ORDER = (
    StepStatus.RUNNING,
    StepStatus.UNKNOWN,
    StepStatus.FAILED,
    StepStatus.PROVE_AGAIN,
    StepStatus.TODO,
    StepStatus.UNDECIDED,
    StepStatus.DONE,
    StepStatus.SKIPPED,
)
