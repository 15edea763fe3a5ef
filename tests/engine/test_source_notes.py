"""Notes from outside: checked, stamped when they happened, bounded for each person, and never twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.source_notes import SourceNotes, Taken
from midwatch.incident.source_note import LINE_LIMIT_BYTES, note_of, read_note, require_source
from midwatch.reports.event_text import describe, lines_below
from midwatch.reports.timeline import timeline
from midwatch.system.errors import BadInput
from midwatch.system.identity import Identity
from midwatch.system.rate_limit import RateLimit

NOW = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)
BEN = Identity("ben", 64001, 64001, 1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"deployed", "it is not JSON"),
        (b'["deployed"]', "it is not a JSON object"),
        (b"{}", "text has to be a text"),
        (b'{"text": " "}', "text is empty"),
        (b'{"text": 5}', "text has to be a text"),
        (b'{"text": "x", "time": "2026-11-23T02:14:07Z"}', "there is no key 'time'"),
        (b'{"text": "x", "at": 1700000000}', "at has to be a time"),
        (b'{"text": "x", "at": "yesterday"}', "'yesterday' is no time"),
        (b'{"text": "x", "at": "2026-11-23T02:14:07"}', "names no zone"),
        (b'{"text": "x", "at": "2026-11-23T03:14:07Z"}', "has not come yet"),
        (b'{"text": "x", "at": "0001-01-01T00:00:00+14:00"}', "no time"),
        (b'{"text": "x", "url": "javascript:alert(1)"}', "url has to begin with https"),
        (b'{"text": "\xff"}', "it is not UTF-8"),
        (b'{"text": "x", "text": "y"}', "twice"),
        (b'{"text": "' + b"x" * LINE_LIMIT_BYTES + b'"}', "longer than"),
    ],
)
def test_line_that_is_no_note_says_why(line: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_note(line, NOW)


def test_note_is_stamped_when_it_happened_and_harmless() -> None:
    note = read_note(b'{"text": "build \\u001b[31mred\\u202e\\nsee log", "at": "2026-11-23T03:00:00+01:00"}', NOW)
    assert note.text == "build red<U+202E>\nsee log"
    assert note.at == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    assert note_of(note.to_json(), NOW) == note
    ahead = (NOW + timedelta(seconds=30)).isoformat()
    assert note_of({"text": "x", "at": ahead}, NOW).at == note_of({"text": "x"}, NOW).at == NOW
    with pytest.raises(BadInput, match="cannot be the name"):
        require_source("CI job")


def test_note_from_outside_is_told_apart_and_stands_where_it_happened(controller: IncidentController) -> None:
    controller.note("A person's note")
    before = controller.events[0].time - timedelta(hours=1)
    data = {"text": "password=hunter2secret | deployed", "at": before.isoformat(), "url": "https://ci.example.org/7"}
    assert controller.add_source_notes("ci", [data, {"text": ""}], BEN) == Taken(2, {1: "text is empty"})
    assert controller.add_source_notes("ci", [data], BEN) == Taken(1)  # sent again
    (event,) = [event for event in controller.events if event.body.get("source")]
    assert "hunter2secret" not in str(event.body)
    assert describe(event, controller.runbook).startswith("From ci: ")
    assert lines_below(event, controller.runbook) == ["https://ci.example.org/7"]
    rows = timeline(controller.runbook, controller.events, controller.folder).split("## In the order of time")[1]
    first = rows.splitlines()[4]
    assert f"{before:%H:%M:%S}" in first
    assert "| ben | From ci: " in first
    assert "ada@test | Note: A person's note" in rows


def test_one_person_cannot_fill_the_timeline(controller: IncidentController) -> None:
    now = 0.0
    notes = SourceNotes(controller.session, per_person=3, rate=RateLimit(per_s=1, at_once=2, monotonic=lambda: now))
    sent: list[dict[str, Any]] = [{"text": f"note {number}"} for number in range(5)]
    assert notes.add("ci", sent, BEN) == Taken(2)
    now = 10.0
    taken = notes.add("ci", sent[2:], BEN)
    assert taken.done == 3
    assert taken.refused == dict.fromkeys((1, 2), "ben has 3 notes in this incident, which is the most")
    assert notes.add("ci", sent[:1], Identity("eva", 64002, 64002, 1)) == Taken(1)
    again = SourceNotes(controller.session, per_person=3)  # another driver counts what stands in the journal
    assert again.add("ci", [{"text": "more"}], BEN).refused
