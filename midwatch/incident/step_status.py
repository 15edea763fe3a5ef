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

    @property
    def concluded(self) -> bool:
        """Whether the step needs no more work."""
        return self in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED)


def joint_status(statuses: Iterable[StepStatus]) -> StepStatus:
    """The status of a loop, from those of its items: what runs, then what waits for a person, then what is to do."""
    found = set(statuses)
    return next((status for status in _JOINT_ORDER if status in found), StepStatus.NOT_NEEDED)


_JOINT_ORDER = (
    StepStatus.RUNNING,
    StepStatus.UNKNOWN,
    StepStatus.FAILED,
    StepStatus.TODO,
    StepStatus.UNDECIDED,
    StepStatus.DONE,
    StepStatus.SKIPPED,
)
