"""The night of the reference incident, played once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drill.production import Production
from midwatch.runbook.model import Runbook


@dataclass(frozen=True)
class Night:
    """A production after its incident was handled."""

    production: Production
    runbook: Runbook
    passwords: tuple[str, ...]
    """Every password that was in the bastion's file before or after."""
    said: str
    exit: int
    timeline: str
    leaks: tuple[str, ...]
    """Processes whose arguments showed a password while it ran."""

    @property
    def incident(self) -> Path:
        (folder,) = (self.runbook.location_of("logs") / "incidents").iterdir()
        return folder
