"""When a trigger fires, and when it can fire again. All times are seconds that the watcher saw pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(slots=True)
class Condition:
    """How one watched fact stands, as the state of the watcher keeps it."""

    failures: int = 0
    """Failed samples in a row, or matching lines."""
    failing_s: float = 0.0
    """For how long it has failed."""
    fine_s: float = 0.0
    """For how long it has been fine, or without a matching line."""
    evidence: str = ""
    """Of the first failure of these."""
    at: str = ""
    """When that happened, as RFC 3339."""
    request: str = ""
    """The request that it left; empty while it does not fire."""

    def fail(self, evidence: str, at: str, elapsed_s: float = 0.0) -> None:
        """A failed sample, or a matching line; `elapsed_s` since the last sample."""
        if not self.failures:
            self.evidence, self.at = evidence, at
        else:
            self.failing_s += elapsed_s
        self.failures += 1
        self.fine_s = 0.0

    def pass_(self, elapsed_s: float, clear_s: float, *, resets: bool = True) -> None:
        """A sample that is fine, or time without a matching line (`resets` is False: earlier lines still count)."""
        if self.failures:
            self.fine_s += elapsed_s
            if self.fine_s >= clear_s or (resets and not self.request):
                self.reset()

    def reset(self) -> None:
        """It is fine, as if it had never failed."""
        self.failures, self.failing_s, self.fine_s = 0, 0.0, 0.0
        self.evidence = self.at = self.request = ""

    def fires(self, after: int, for_s: float) -> bool:
        """Whether a request is due now."""
        return not self.request and self.failures >= after and self.failing_s >= for_s

    def to_json(self) -> dict[str, Any]:
        """As the state has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises `TypeError` for what is none."""
        return cls(**data)
