"""Excerpts for reports: starred events and output that people pasted from other terminals."""

from __future__ import annotations

from midwatch.incident.events import EventKind
from midwatch.reports.event_table import describe
from midwatch.reports.incident_facts import Facts
from midwatch.reports.markdown import bullets, code_block, text
from midwatch.reports.time_format import day_and_time, happened


def starred(facts: Facts) -> str:
    """The starred events in the order of time; empty when nobody starred any."""
    found = [event for event in facts.in_order() if event.seq in facts.incident.stars]
    return bullets(f"{day_and_time(happened(event))}, event {event.seq}: {describe(facts, event)}" for event in found)


def excerpts(facts: Facts) -> list[str]:
    """A heading and a block of code for each pasted excerpt, in the order of time."""
    blocks = []
    for event in facts.in_order():
        if event.kind == EventKind.NOTE and event.body.get("pasted_output"):
            blocks.append(f"### Event {event.seq}, {day_and_time(happened(event))}, {text(event.actor)}")
            blocks.append(code_block(str(event.body["pasted_output"])))
    return blocks
