"""Where a delivery stands: the words that the outbox, the journal and the front ends share."""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNSURE = "unsure"
    GIVEN_UP = "given up"

    @property
    def concluded(self) -> bool:
        """Whether nothing more is sent unless a person says so."""
        return self not in (DeliveryState.QUEUED, DeliveryState.SENDING)
