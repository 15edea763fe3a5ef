"""What is sent, and what its receiver answered."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

from midwatch.redaction import mask
from midwatch.runbook.channels import ChannelTarget
from midwatch.system.sanitize import safe_text
from midwatch.system.shortened import shortened

DETAIL_LIMIT = 300
"""Characters of a receiver's words that are kept."""


class Verdict(StrEnum):
    """What became of one send."""

    ACCEPTED = "accepted"
    """The receiver took the message: its own word."""
    REFUSED = "refused"
    """The receiver will not take the message."""
    UNSURE = "unsure"
    """The message may have arrived: the answer was lost."""
    WAIT = "wait"
    """The message did not arrive; a later send may succeed."""
    GIVE_UP = "given up"
    """The message cannot be sent from here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one send, in words of the receiver."""

    verdict: Verdict
    detail: str = ""
    retry_after_s: float | None = None
    """Seconds that the receiver asked to wait."""

    def clean(self, secrets: Mapping[str, str]) -> Answer:
        """The answer with its words masked, without control characters, and bounded."""
        words = safe_text(mask(self.detail[: 20 * DETAIL_LIMIT], secrets)) if self.detail else ""
        return Answer(self.verdict, shortened(words, DETAIL_LIMIT), self.retry_after_s)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an incident. Its text is masked already."""

    id: str
    """Of the delivery, unique in the incident: `12.1`."""
    incident: str
    title: str
    """Of the incident."""
    severity: str
    environment: str
    text: str
    at: str
    """When it was queued, as RFC 3339."""
    urgent: bool = False
    action: str = "trigger"
    """What a pager makes of it: `trigger`, `acknowledge` or `resolve`; `inform` goes to no pager."""
    rehearsal: bool = False

    @property
    def key(self) -> str:
        """The same for each send of this message, and for no other message."""
        return f"midwatch/{self.incident}/{self.id}"

    @property
    def subject(self) -> str:
        """One line: severity, title, incident."""
        rehearsal = "REHEARSAL, not real: " if self.rehearsal else ""
        environment = "" if self.environment == "production" else f" ({self.environment})"
        return safe_text(f"{rehearsal}[{self.severity}] {self.title}{environment}, {self.incident}")

    @property
    def whole(self) -> str:
        """The subject and the text, for a receiver that shows text only."""
        return f"{self.subject}\n{self.text}"

    def to_json(self) -> dict[str, Any]:
        """As the outbox stores it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises `TypeError` for what is no message."""
        return cls(**data)


def cut(text: str, limit: int, *, size: Callable[[str], int] = len) -> str:
    """The text, or its beginning and a sign that it goes on where a receiver takes no more than `limit`."""
    if size(text) <= limit:
        return text
    length = bisect(range(len(text)), limit - size("…"), key=lambda length: size(text[:length])) - 1
    return f"{text[: max(length, 0)]}…"


class NotSent(Exception):
    """The message did not reach its receiver."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good
        """Whether a later send cannot succeed either."""


class AnswerLost(Exception):
    """The message may have reached its receiver."""


class Sender(Protocol):
    """Gives one message to one receiver.

    Raises `NotSent` and `AnswerLost`; every send ends within about `target.timeout` seconds.
    """

    def __call__(self, message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
        """`secrets`: the values of the target's secrets, by the key under which they stand."""
