"""What happened while nobody looked: what failed, what ended, what was said, and what is due now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from midwatch.incident.events import Event, EventKind
from midwatch.incident.source_note import is_from_outside
from midwatch.incident.state import Incident
from midwatch.reports.event_text import author_of, describe
from midwatch.reports.handoff_summary import Section
from midwatch.runbook.model import Runbook
from midwatch.system.actor import login

IDLE_S = 600.0
"""Seconds without a key after which nobody is here."""
_ENDS = frozenset({EventKind.FINISHED, EventKind.MARKED_DONE, EventKind.MARKED_FAILED, EventKind.SKIPPED})
_SAID = frozenset(
    {
        EventKind.NOTE,
        EventKind.UPDATE,
        EventKind.NOTIFICATION_RECORDED,
        EventKind.TEXT_CORRECTED,
        EventKind.SEVERITY,
        EventKind.REOPENED,
        EventKind.ADOPTED,
        EventKind.DRIVER_TOOK_OVER,
        EventKind.HANDOFF_OFFERED,
        EventKind.CONTROL_REQUESTED,
        EventKind.APPROVAL_ASKED,
        EventKind.APPROVAL_GIVEN,
        EventKind.APPROVAL_DECLINED,
        EventKind.CLOSED,
        EventKind.ABANDONED,
    }
)
_BY_PEOPLE = (_SAID | _ENDS | {EventKind.CONFIRMED, EventKind.DRIVER_LEFT, EventKind.DECLARED}) - {EventKind.FINISHED}
_ARRIVALS = frozenset({EventKind.DRIVER_JOINED, EventKind.DRIVER_TOOK_OVER})


def left_at(events: Sequence[Event], actor: str) -> Event | None:
    """The last thing that this person did before they came back; None for who did not leave or was never here."""
    own = [event for event in events if login(event.actor) == login(actor) and not is_from_outside(event)]
    back = next((n for n in range(len(own) - 1, -1, -1) if own[n].kind in _ARRIVALS), 0)
    before = [event for event in own[:back] if event.kind in _BY_PEOPLE]
    here = any(event.kind in _BY_PEOPLE for event in own[back + 1 :])
    return before[-1] if before and not here else None


def absence(
    runbook: Runbook, incident: Incident, events: Sequence[Event], now: datetime, due: datetime | None
) -> list[Section]:
    """These events and what is due, the most urgent first; empty when nothing happened."""
    ends = [event for event in events if event.kind in _ENDS]
    failed = [event for event in ends if _is_failure(event)]
    said = [event for event in events if event.kind in _SAID]
    if not ends and not said:
        return []
    overdue = due is not None and due <= now
    owed = [runbook.roles[role].name if role in runbook.roles else role for role in incident.to_notify]
    sections = [
        Section("failed", "failed", _lines(failed, runbook)),
        Section("ended", "ended", _lines([event for event in ends if event not in failed], runbook)),
        Section("said", "said or decided", _lines(said, runbook)),
        Section("due", "due", ("A status update",) * overdue + tuple(f"Notify {name}" for name in owed)),
    ]
    return [section for section in sections if section.lines]


def absence_line(sections: Sequence[Section], since: datetime) -> str:
    """The same in one line: `since 02:10: 1 failed, 2 ended`."""
    return f"since {since:%H:%M} UTC: " + ", ".join(f"{len(section.lines)} {section.title}" for section in sections)


def _is_failure(event: Event) -> bool:
    return event.kind == EventKind.MARKED_FAILED or (
        event.kind == EventKind.FINISHED and event.body.get("outcome") != "done"
    )


def _lines(events: Sequence[Event], runbook: Runbook) -> tuple[str, ...]:
    return tuple(f"{event.time:%H:%M} {login(author_of(event))}: {describe(event, runbook)}" for event in events)
