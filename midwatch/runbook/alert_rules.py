"""What is made of an alert: the severity of the incident that it declares, and which labels give its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from midwatch.runbook.severity import Severity

_DEFAULTS = {
    **{word.lower(): word.value for word in Severity},
    **{word.lower().replace("-", ""): word.value for word in Severity},
    "critical": "SEV-1",
    "page": "SEV-1",
    "error": "SEV-2",
    "high": "SEV-2",
    "warning": "SEV-3",
    "low": "SEV-3",
    "info": "SEV-3",
    "p1": "SEV-1",
    "p2": "SEV-2",
    "p3": "SEV-3",
    "p4": "SEV-3",
    "p5": "SEV-3",
}


@dataclass(frozen=True, slots=True)
class AlertRules:
    """What is made of an alert."""

    label: str = "severity"
    severities: Mapping[str, str] = field(default_factory=dict)
    """By the alert's own word, in small letters; beside the defaults."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """The label or annotation that gives an input, by the name of the input."""

    def severity_of(self, word: str) -> str:
        """The severity that an alert's own word means; empty for a word that nobody knows."""
        word = word.strip().lower()
        return self.severities.get(word) or _DEFAULTS.get(word, "")
