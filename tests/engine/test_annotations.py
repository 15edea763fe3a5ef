"""What people write into the record: notes of three kinds, corrections, stars, and where the exports show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.engine.annotations import EXCERPT_LIMIT_BYTES, ManualCommand
from midwatch.engine.incident_controller import IncidentController
from midwatch.journal.verify import verify
from midwatch.reports.event_text import words_of
from midwatch.reports.message_draft import draft
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.timeline import timeline
from midwatch.system.errors import BadInput, Refused
from midwatch.system.time_parser import parse_time
from midwatch.system.units import duration

NOW = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)


def test_correction_stands_beside_what_was_said(controller: IncidentController) -> None:
    controller.note("The mount is read-only")
    seq = controller.events[-1].seq
    controller.correct(seq, "The mount is gone")
    controller.correct(seq, "The mount is slow")
    assert controller.events[seq - 1].body["text"] == "The mount is read-only"
    assert words_of(controller.events, seq) == "The mount is slow"
    (note,) = controller.incident.notes
    assert (note.text, note.was) == ("The mount is slow", "The mount is read-only")
    told = timeline(controller.runbook, controller.events, controller.folder)
    assert f"Note: The mount is read-only — **corrected** in event {seq + 2}: The mount is slow" in told
    assert f"| Corrected event {seq}: The mount is gone | {seq + 1} |" in told
    assert verify(controller.folder.journal).ok


def test_text_of_a_person_alone_can_be_corrected(controller: IncidentController) -> None:
    with pytest.raises(Refused, match="holds nobody's words"):
        controller.correct(1, "no")
    with pytest.raises(Refused, match="no event 99"):
        controller.correct(99, "no")
    with pytest.raises(Refused, match="no event 0"):
        controller.star(0)
    controller.skip("asked", "mistyped")
    with pytest.raises(Refused, match="missing"):
        controller.correct(len(controller.events), "  ")
    controller.correct(len(controller.events), "nobody was there")


def test_corrected_update_is_corrected_in_the_messages(controller: IncidentController) -> None:
    controller.update("All is lost")
    controller.correct(controller.events[-1].seq, "All is well")
    messages = (
        post_mortem(controller.runbook, controller.events, controller.folder).split("## Messages")[1].split("##")[0]
    )
    assert "All is well" in messages
    assert "All is lost" not in messages


def test_stars_come_first_in_the_timeline(controller: IncidentController) -> None:
    controller.note("It began with the mount")
    seq = controller.events[-1].seq
    controller.star(seq)
    controller.star(1)
    controller.star(1, starred=False)
    assert controller.incident.stars == {seq}
    told = timeline(controller.runbook, controller.events, controller.folder)
    starred = told.split("## Starred")[1].split("## In the order")[0]
    assert f"event {seq}: Note: It began with the mount" in starred
    assert starred.count("- ") == 1
    assert "| ★ Note: It began with the mount |" in told


def test_excerpt_and_a_command_from_elsewhere(controller: IncidentController, monkeypatch: pytest.MonkeyPatch) -> None:
    controller.note("", pasted_output="Filesystem  Use%\n/backups  96%  PGPASSWORD=hunter2secret\n```\n# no heading\n")
    controller.note("on the db host", at=NOW, manual_command=ManualCommand("df -h | grep backups", "db1", "96 %"))
    told = timeline(controller.runbook, controller.events, controller.folder)
    assert "Excerpt of 4 lines, below" in told
    assert "Note: on the db host. Ran elsewhere on db1: `df -h \\| grep backups`: 96 %" in told
    assert "````\nFilesystem  Use%\n" in told.split("## Excerpts")[1]
    assert "hunter2secret" not in told
    assert "hunter2secret" not in controller.folder.journal.read_text(encoding="utf-8")


def test_note_says_something_and_not_too_much(controller: IncidentController) -> None:
    before = len(controller.events)
    with pytest.raises(Refused, match="A note is missing"):
        controller.note("  ", pasted_output=" \n ")
    with pytest.raises(Refused, match="a note holds 48"):
        controller.note("", pasted_output="x" * (EXCERPT_LIMIT_BYTES + 1))
    assert len(controller.events) == before
    controller.note(
        "", pasted_output="\u202e" * (EXCERPT_LIMIT_BYTES // 6 - 1)
    )  # each takes six bytes: the longest that there may be
    assert len(controller.events) == before + 1


def test_draft_of_an_update_says_what_the_journal_knows(controller: IncidentController) -> None:
    def now() -> str:
        return draft(controller.runbook, controller.incident, controller.events, controller.clock)

    clock, declared = controller.clock, controller.incident.declared_at
    assert declared is not None
    assert now().splitlines() == [
        f"SEV-2 A small incident, update 1, {clock.now():%H:%M} UTC",
        f"What happened: A small incident, declared at {declared:%H:%M} UTC",
        "Impact: not assessed yet",
        f"In numbers: open for {duration(controller.incident.elapsed_now(clock))}",
        "Done: nothing new",
        "Next: Take ownership",
        f"Next update: by {clock.now() + timedelta(minutes=15):%H:%M} UTC",
    ]
    controller.mark_done("asked", values={"owner": "ada"})
    controller.skip("look", "dark")
    controller.mark_failed("work", "it broke")
    assert now().splitlines()[4:7] == ["Done: Take ownership", "Not working: Do the work", "Next: Do the work"]
    controller.update(now())
    assert "update 2, " in now()
    assert "Done: nothing new" in now()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("02:10", "2026-11-23T02:10:00"),
        ("02:10 UTC", "2026-11-23T02:10:00"),
        ("2:10:30", "2026-11-23T02:10:30"),
        ("23:50", "2026-11-22T23:50:00"),
        ("yesterday 01:00", "2026-11-22T01:00:00"),
        ("2026-11-20 23:59", "2026-11-20T23:59:00"),
        ("5 min ago", "2026-11-23T02:09:07"),
        ("90s", "2026-11-23T02:12:37"),
        ("2 hours ago", "2026-11-23T00:14:07"),
    ],
)
def test_time_of_a_note_is_parsed_in_each_form(text: str, at: str) -> None:
    assert parse_time(text, NOW) == datetime.fromisoformat(at).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["25:00", "2:60", "soon", "today 02:15", "2026-11-24 00:00", "2026-02-30 01:00", "0000-01-01 00:00"]
)
def test_time_of_a_note_that_cannot_be_parsed_is_one_sentence(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no time|has not come yet"):
        parse_time(text, NOW)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.text(max_size=20))  # noqa: DTZ001  (made UTC below)
def test_time_of_a_note_is_never_in_the_future(when: datetime, junk: str) -> None:
    now = when.replace(tzinfo=UTC)
    for text in (f"{when:%H:%M}", f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}", junk):
        try:
            found = parse_time(text, now)
        except BadInput:
            continue
        assert found is None or found <= now
