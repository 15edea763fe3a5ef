"""What happened outside the record, as lines of the timeline at its own time: log lines of triggers, answered times."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.incident.events import EventKind
from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle import Lifecycle
from midwatch.reports.timeline_entry import Entry, Source
from midwatch.system.log_line_time import log_line_time

EVIDENCE = "evidence"
"""In the place of who did it: the numbers of such a line are of the events that hold its evidence."""
_LAST_CHANGE = "last_change"
"""The line on the last change of a password, as `diagnose-access` reports it."""


def evidence_entries(facts: Facts) -> Iterator[Entry]:
    """A line for each moment that the record knows from elsewhere: before the declaration most of all."""
    for trigger in facts.detected():
        if trigger.at is not None and trigger.event:
            yield Entry(
                trigger.at, Source.OUTSIDE, EVIDENCE, [trigger.event], text=f"{trigger.title}: {trigger.evidence}"
            )
    for event in facts.of_kind(EventKind.FINISHED):
        line = str(event.body.get("values", {}).get(_LAST_CHANGE, ""))
        if at := log_line_time(line, ""):
            yield Entry(
                at,
                Source.OUTSIDE,
                EVIDENCE,
                [event.seq],
                text=f"The last change of a password, by the audit log: {line}",
            )
    held = {event.seq: event for event in facts.of_kind(EventKind.DECLARED, EventKind.MARKED_DONE)}
    for moment in Lifecycle.of(facts).moments:
        source = held.get(moment.event)
        if source is not None and moment.at is not None and moment.at != source.time:
            yield Entry(
                moment.at, Source.OUTSIDE, EVIDENCE, [source.seq], text=f"{moment.name.capitalize()}: {moment.evidence}"
            )
