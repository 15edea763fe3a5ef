"""Where a step stands."""

from __future__ import annotations

from enum import StrEnum


class StepStatus(StrEnum):
    """Where a step stands."""

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
        """Whether nothing more has to be done for it."""
        return self in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED)
