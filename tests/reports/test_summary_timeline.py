"""The timeline for readers: one line for each attempt and decision, and nothing of the journal lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.evidence_entries import EVIDENCE
from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle_section import lifecycle_tables
from midwatch.reports.summary_timeline import summary_timeline
from midwatch.reports.timeline_entries import entries
from midwatch.reports.timeline_entry import Entry, Source, event_numbers
from tests.reports import night
from tests.support.markdown_shape import shape

FOLDER = IncidentFolder(Path(night.ID))
ADA = {"name": "ada", "uid": 1, "login": 1, "pid": 1, "seen": True}
BOB = {"name": "bob", "uid": 2, "login": 2, "pid": 2, "seen": True}
Add = Callable[..., Event]


@pytest.fixture
def told() -> list[Event]:
    return night.events()[:-2]


@pytest.fixture
def add(told: list[Event]) -> Add:
    """Appends an event behind those of the night."""

    def append(kind: str, actor: str = "ada@bastion", **body: Any) -> Event:
        event = replace(told[-1], seq=told[-1].seq + 1, kind=kind, actor=actor, body=body)
        told.append(event)
        return event

    return append


def facts(events: list[Event], **more: Any) -> Facts:
    return Facts.of(night.runbook(), events, FOLDER, **more)


def of_step(found: list[Entry], step: str) -> list[Entry]:
    return [entry for entry in found if entry.step == step]


def details(entry: Entry) -> dict[str, str]:
    return {detail.label: detail.text for detail in entry.details}


def test_attempt_is_one_line_with_its_end_its_values_and_what_moved() -> None:
    found = entries(facts(night.events()))
    first, second = of_step(found, "clean")
    assert (first.outcome, first.text, event_numbers(first)) == ("failed, exit 7", "rm: permission denied", "12–16")
    assert (second.subject, second.outcome, second.seconds) == ("3.3 Clean up, attempt 2", "done", 94.6)
    assert details(second)["run all the same because"] == "remounted"
    assert "disk /backups 96 % → 71 %" in details(second)["reading"]
    (backup,) = of_step(found, "backup")
    assert details(backup) == {"backup": "/mnt/arp.sql.gz"}
    assert [entry.outcome for entry in of_step(found, "rest")] == ["failed", "done"]
    assert details(of_step(found, "why")[0])["impact"] == "None\nat all"


def test_every_event_is_in_one_line_but_repeated_criteria_and_stars() -> None:
    events = night.events()
    found = entries(facts(events))
    assert [(entry.who, entry.events, entry.at < events[0].time) for entry in found if entry.who == EVIDENCE] == [
        (EVIDENCE, [5], True)
    ]
    listed = [seq for entry in found for seq in entry.events if entry.who != EVIDENCE]
    assert len(listed) == len(set(listed))
    assert {event.kind for event in events if event.seq not in listed} == {"criterion.evaluated"}


def test_person_machine_and_outside_are_told_apart_in_words(told: list[Event], add: Add) -> None:
    add("note", text="deploy 17 failed", source="ci", by="ben")
    add("incident.severity", **{"from": "SEV-0", "to": "SEV-1"}, reason="3.3 failed", automatic=True)
    add("incident.severity", **{"from": "SEV-1", "to": "SEV-2"}, reason="it is over", automatic=False)
    add("target.pinned", target="db", system_identifier="7", role="primary", **{"from": None}, reason="")
    made = {entry.events[0]: (entry.source, entry.shown_who) for entry in entries(facts(told))}
    assert [made[event.seq] for event in told[-4:]] == [
        (Source.OUTSIDE, "ben"),
        (Source.AUTOMATIC, "Midwatch"),
        (Source.PERSON, "ada@bastion"),
        (Source.AUTOMATIC, "Midwatch"),
    ]
    rows = summary_timeline(facts(told)).splitlines()
    assert any("| outside | ben | From ci: deploy 17 failed |" in row for row in rows)
    assert any("| automatic | Midwatch | Severity SEV-0 to SEV-1: 3.3 failed |" in row for row in rows)


def test_corrections_first_answers_and_reopened_steps_are_kept(told: list[Event], add: Add) -> None:
    wrong = add("note", text="The mount is read-only")
    add("text.corrected", event=wrong.seq, text="The mount is gone")
    add("text.corrected", actor="bob@bastion", event=wrong.seq, text="The mount is slow")
    add("step.reopened", step="policy", reason="asked the wrong person")
    add("step.marked_done", step="policy", note="", values={"policy": "Thrice a night"})
    found = entries(facts(told))
    note = next(entry for entry in found if wrong.seq in entry.events)
    assert "The mount is read-only" in note.text
    assert [detail.text for detail in note.details] == ["The mount is gone", "The mount is slow"]
    assert note.details[1].label.startswith("corrected by bob@bastion at ")
    answers = [(entry.outcome, details(entry).get("policy", "")) for entry in of_step(found, "policy")]
    assert answers == [("done", "Twice a night"), ("reopened", ""), ("done", "Thrice a night")]


def test_approval_is_part_of_the_start_it_allowed_and_a_refused_plan_a_line(told: list[Event], add: Add) -> None:
    add("approval.asked", step="clean", plan={}, digest="aa", by=ADA)
    add("approval.declined", step="clean", asked=1, digest="aa", by=BOB, reason="not tonight")
    asked = add("approval.asked", step="clean", plan={}, digest="bb", by=ADA)
    add("approval.given", step="clean", asked=1, digest="bb", by=BOB)
    add("step.confirmed", step="clean", attempt=3, plan=told[2].body["plan"], digest="bb", reason="", approved_by="bob",
        unmet=[])  # fmt: skip
    found = of_step(entries(facts(told)), "clean")
    assert found[2].outcome.startswith("declined by bob")
    assert found[2].text == "not tonight"
    assert (found[3].outcome, event_numbers(found[3])) == ("confirmed, nothing ran yet", f"{asked.seq}–{told[-1].seq}")
    assert details(found[3])["approved by"] == "bob"


def test_message_belongs_to_what_it_tells_of_with_its_fate(told: list[Event], add: Add) -> None:
    update = add("update.sent", message="All is well", channel="#inc", events=0, head="")
    sent = add("message.queued", channel="team", role="", message="All is well", audience="inside", urgent=False,
               rehearsal=False, action="inform", receivers=["slack", "mail"], event=update.seq)  # fmt: skip
    add("notification.accepted", delivery=f"{sent.seq}.1", channel="team", role="", receiver="slack", detail="ok",
        at="2026-11-23T02:23:07.000000Z", tries=1)  # fmt: skip
    add("message.refused", delivery=f"{sent.seq}.2", channel="team", role="", receiver="mail", detail="550 unknown",
        at="2026-11-23T02:23:07.000000Z", tries=1)  # fmt: skip
    for channel in ("team", "boss"):
        add("message.queued", channel=channel, role="", message="Closed", audience="inside", urgent=False,
            rehearsal=False, action="inform", receivers=["slack"], event=sent.seq + 3)  # fmt: skip
    closed = add("incident.closed", reason="", unmet=[], events=len(told) + 1)
    found = entries(facts(told))
    (line,) = [entry for entry in found if update.seq in entry.events]
    assert details(line) == {"message to team": "accepted; mail: refused 550 unknown"}
    (end,) = [entry for entry in found if closed.seq in entry.events]
    assert {"message to team", "message to boss"} <= details(end).keys()
    assert sorted(end.events) == [closed.seq - 2, closed.seq - 1, closed.seq]


def test_steps_that_were_not_done_are_named_with_the_reason(told: list[Event]) -> None:
    section = summary_timeline(facts(told)).split("## Steps that were not done")[1].split("\n## ")[0]
    assert "- 3.4 Panic — **skipped**. No need" in section
    assert "- 4.3 Much later — **to do**. Nothing happened to it." in section
    assert "Clean up" not in section
    failed = summary_timeline(facts(told[:17])).split("## Steps that were not done")[1].split("\n## ")[0]
    assert "- 3.3 Clean up — **failed**. rm: permission denied" in failed


def test_local_time_stands_beside_utc_and_foreign_words_stay_text() -> None:
    plain = summary_timeline(facts(night.events(), zone=ZoneInfo("Europe/Berlin")))
    assert "| 2026-11-23 01:50:07 | 02:50:07 CET | outside | evidence | The backup stopped: backup.log:9: " in plain
    assert "| 02:00:07 | 03:00:07 CET | person | ada@bastion | Declared: Backup failure, SEV-1 · " in plain
    assert "| Local times | Europe/Berlin |" in plain
    assert "| Local |" not in summary_timeline(facts(night.events(), zone=ZoneInfo("UTC")))
    hostile = "<b>x</b> | [a](http://a.b) `c` **d** # e"
    loud = facts(night.events(hostile), zone=ZoneInfo("Europe/Berlin"))
    quiet = facts(night.events(" x"), zone=ZoneInfo("Europe/Berlin"))
    kinds = [kind for kind in shape(summary_timeline(loud)) if kind != "code_inline"]
    assert kinds == [kind for kind in shape(summary_timeline(quiet)) if kind != "code_inline"]


def test_abandoned_incident_has_no_resolution() -> None:
    events = night.events()[:2]
    gone = replace(events[-1], seq=3, kind="incident.abandoned", body={"reason": "a test alert", "events": 3})
    told = lifecycle_tables(facts([*events, gone]))
    assert "| Resolved | none | it was no incident |" in told
    assert "| Time to resolve | declared | resolved | none: it was no incident |" in told
    assert "| Acknowledged | not known |" in told
