"""One line of the timeline for readers, in plain text, and who made it happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from midwatch.incident.events import Event, EventKind
from midwatch.reports.message_text import MESSAGE_KINDS
from midwatch.system.units import duration

BY = "By"
"""The heading of the column that says who made an entry happen."""


class Source(StrEnum):
    """Who made an entry happen."""

    PERSON = "person"
    AUTOMATIC = "automatic"
    OUTSIDE = "outside"
    UNKNOWN = "not known"


@dataclass(slots=True)
class Detail:
    """An answer, a reported value, a reading or another fact of an entry, in plain text."""

    label: str
    text: str


@dataclass(slots=True)
class Entry:
    """One line of the timeline, in plain text; the numbers of its events are its evidence."""

    at: datetime
    source: Source
    who: str
    events: list[int]
    step: str = ""
    """The id of the step; empty for what belongs to no step."""
    subject: str = ""
    """The step's number and title; empty for what belongs to no step."""
    outcome: str = ""
    text: str = ""
    """What was said, or the one line of output that matters."""
    until: datetime | None = None
    seconds: float | None = None
    details: list[Detail] = field(default_factory=list)

    @property
    def shown_who(self) -> str:
        """Who did it, for a reader: what is automatic was nobody's doing, whoever drove."""
        return "Midwatch" if self.source is Source.AUTOMATIC else self.who

    def add(self, label: str, text: object) -> None:
        """Add a detail, unless it is empty."""
        if shown := str(text or "").strip():
            self.details.append(Detail(label, shown))


KNOWN = frozenset(EventKind)
"""The kinds that this version knows."""
_AUTOMATIC = frozenset(
    {
        EventKind.CRITERION,
        EventKind.NEED_CHECKED,
        EventKind.LOOP_ITEMS,
        EventKind.SECRETS_TOO_SHORT,
        EventKind.RESERVE_RELEASED,
        *(kind for kind in EventKind if kind.startswith("journal.")),
        *(MESSAGE_KINDS - {EventKind.MESSAGE_DECIDED}),
    }
)


def source_of(event: Event) -> Source:
    """Who made this event happen."""
    if event.kind not in KNOWN:
        return Source.UNKNOWN
    if (event.kind == EventKind.NOTE and event.body.get("source")) or event.body.get("alert"):
        return Source.OUTSIDE
    automatic = event.kind in _AUTOMATIC or (event.kind == EventKind.PINNED and not event.body["from"])
    return Source.AUTOMATIC if automatic or event.body.get("automatic") else Source.PERSON


def event_numbers(entry: Entry) -> str:
    """`3–5, 64`."""
    return ", ".join(_runs(sorted(entry.events)))


def _runs(numbers: list[int]) -> Iterator[str]:
    first = last = numbers[0]
    for number in [*numbers[1:], 0]:
        if number == last + 1:
            last = number
            continue
        yield f"{first}" if first == last else f"{first}–{last}"
        first = last = number


def outcome_words(entry: Entry) -> str:
    """`done after 1 min 20 s`."""
    return entry.outcome + (f" after {duration(entry.seconds)}" if entry.seconds is not None else "")
