"""Who has to be notified, and how others are kept informed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Role:
    """Somebody who has to be notified."""

    id: str
    name: str
    notify_when: str = ""
    """When they are notified, in words."""
    contact: str = ""
    channel: str = ""
    """The channel that reaches them; empty for the one with the role's id."""
    notify_on: tuple[str, ...] = ()
    """The occasions on which Midwatch sends them a message: see `midwatch.runbook.channels`."""


@dataclass(frozen=True, slots=True)
class Comms:
    """How others are kept informed."""

    channel: str = ""
    update_every: float = 0.0
    """Seconds between status updates; 0 for none."""
    automatic_updates: bool = False
    """Whether an overdue status update is sent from its draft without a person."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Templates of messages, by channel; `inside` and `outside` are for every channel without one of its own."""
