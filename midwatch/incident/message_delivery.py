"""What the journal knows of a message by a channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from midwatch.outbox.delivery_state import DeliveryState

ON_ITS_WAY = timedelta(seconds=30)
"""The time after which a message that is still queued is shown as not delivered."""


@dataclass(frozen=True, slots=True)
class MessageDelivery:
    """A message for one receiver, and what became of it as far as the journal knows."""

    id: str
    channel: str
    receiver: str
    role: str
    text: str
    queued_at: datetime
    state: DeliveryState = DeliveryState.QUEUED
    detail: str = ""
    at: datetime | None = None
    """When it got this state."""
    dropped: bool = False
    """Whether a person decided that it is not sent."""
    decision: int = 0
    """The number of the event with a person's last decision on it; 0 for none."""
    rehearsal: bool = False

    @property
    def undelivered(self) -> bool:
        """Whether it did not reach its receiver, as far as anybody knows, and nobody has decided to leave it at
        that."""
        return self.state is not DeliveryState.ACCEPTED and not self.dropped

    @property
    def waits_for_person(self) -> bool:
        """Whether a person has to say what becomes of it."""
        return self.undelivered and self.state.concluded

    def is_late(self, now: datetime) -> bool:
        """Whether it is undelivered although a receiver that is there would have it by now."""
        on_its_way = self.state is DeliveryState.QUEUED and (now - (self.at or self.queued_at)) < ON_ITS_WAY
        return self.undelivered and not on_its_way
