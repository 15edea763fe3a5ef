"""What tells that an incident is happening, and how that is watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from midwatch.runbook.channels import INCIDENT_CHANNEL, SecretSource
from midwatch.runbook.windows import Window
from midwatch.system.errors import SourceLocation


@dataclass(frozen=True, slots=True)
class Trigger:
    """What tells that this incident is happening: a line in a log, a check that fails, or a panel at a level."""

    id: str
    title: str
    place: SourceLocation
    log: str = ""
    match: str = ""
    """Regular expression searched in each line of `log`."""
    timezone: str = ""
    """Of times in `log` that tell none; empty when the runbook does not say."""
    check: str = ""
    with_: Mapping[str, Any] = field(default_factory=dict)
    panel: str = ""
    level: str = "critical"
    """Of the panel: `warn` or `critical`."""
    every: float = 60.0
    """Seconds between two samples of the check or panel."""
    for_: float = 0.0
    """Seconds for which the check or panel has to fail."""
    after: int = 1
    """Failures in a row, or matching lines."""
    clear: float = 600.0
    """Seconds for which it has to be fine, or without a matching line, before it can fire again."""
    deadline: float = 0.0
    """Seconds for which nothing may be known; 0 for the default of its kind."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How the triggers are watched."""

    every: float = 10.0
    """Seconds between two looks at the logs."""
    channel: str = INCIDENT_CHANNEL
    quiet_hours: tuple[Window, ...] = ()
    """Nobody is told before they end."""
    maintenance: tuple[Window, ...] = ()
    """Nothing fires in them."""
    ping: str | SecretSource = ""
    """The address that hears that the watcher lives; empty for none."""
    ping_every: float = 60.0
    """Seconds between two pings."""
