"""When a message is sent again, and how fast messages follow one another."""

from __future__ import annotations

import random
from dataclasses import dataclass

from midwatch.runbook.channels import ChannelKind, ChannelTarget

_INTERVALS_S = {
    ChannelKind.SLACK: 1.0,
    ChannelKind.TEAMS: 0.5,
    ChannelKind.PAGERDUTY: 0.5,
    ChannelKind.EMAIL: 0.2,
    ChannelKind.APPRISE: 1.0,
}


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """Limits of the delivery process."""

    first_wait_s: float = 2.0
    longest_wait_s: float = 300.0
    give_up_after_s: float = 24 * 3600.0
    interval_factor: float = 1.0
    """Times the interval that a kind of receiver asks for."""

    def wait_s(self, tries: int, retry_after_s: float | None) -> float:
        """Seconds until the next try: doubled at each, with jitter; never sooner than the receiver asked."""
        doubled = min(self.first_wait_s * 2.0 ** min(tries, 30), self.longest_wait_s)
        return max(doubled * random.uniform(0.75, 1.25), retry_after_s or 0.0)  # noqa: S311 - spreads retries

    def interval_s(self, target: ChannelTarget) -> float:
        """Seconds between two sends to one receiver: Slack takes one a second."""
        return _INTERVALS_S.get(target.kind, 0.0) * self.interval_factor


def lane_of(target: ChannelTarget) -> tuple[str, ...]:
    """What a limit holds for: deliveries of one lane are sent one after another."""
    if target.kind is ChannelKind.EMAIL:
        return (target.kind, target.server or target.sendmail)
    return (target.kind, str(target))
