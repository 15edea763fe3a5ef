"""The status of a step."""

from __future__ import annotations

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
