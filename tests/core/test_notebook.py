"""What people write into the record: notes of three kinds, corrections, stars, and where the exports show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.conductor import Conductor
from midwatch.errors import BadInput, Refused
from midwatch.export.post_mortem import post_mortem
from midwatch.export.timeline import timeline
from midwatch.journal.verify import verify
from midwatch.notebook import LONGEST_EXCERPT, Ran, words_of
from midwatch.status_update import draft
from midwatch.when import moment

NOW = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)


def test_a_correction_stands_beside_what_was_said(conductor: Conductor) -> None:
    conductor.note("The mount is read-only")
    seq = conductor.events[-1].seq
    conductor.correct(seq, "The mount is gone")
    conductor.correct(seq, "The mount is slow")
    assert conductor.events[seq - 1].body["text"] == "The mount is read-only"
    assert words_of(conductor.events, seq) == "The mount is slow"
    (note,) = conductor.incident.notes
    assert (note.text, note.was) == ("The mount is slow", "The mount is read-only")
    told = timeline(conductor.runbook, conductor.events, conductor.folder)
    assert f"Note: The mount is read-only — **corrected** in event {seq + 2}: The mount is slow" in told
    assert f"| Corrected event {seq}: The mount is gone | {seq + 1} |" in told
    assert verify(conductor.folder.journal).ok


def test_only_words_of_a_person_can_be_corrected(conductor: Conductor) -> None:
    with pytest.raises(Refused, match="holds nobody's words"):
        conductor.correct(1, "no")
    with pytest.raises(Refused, match="no event 99"):
        conductor.correct(99, "no")
    with pytest.raises(Refused, match="no event 0"):
        conductor.star(0)
    conductor.skip("asked", "mistyped")
    with pytest.raises(Refused, match="missing"):
        conductor.correct(len(conductor.events), "  ")
    conductor.correct(len(conductor.events), "nobody was there")


def test_a_corrected_update_is_corrected_in_the_messages(conductor: Conductor) -> None:
    conductor.update("All is lost")
    conductor.correct(conductor.events[-1].seq, "All is well")
    messages = post_mortem(conductor.runbook, conductor.events, conductor.folder).split("## Messages")[1].split("##")[0]
    assert "All is well" in messages
    assert "All is lost" not in messages


def test_stars_come_first_in_the_timeline(conductor: Conductor) -> None:
    conductor.note("It began with the mount")
    seq = conductor.events[-1].seq
    conductor.star(seq)
    conductor.star(1)
    conductor.star(1, starred=False)
    assert conductor.incident.stars == {seq}
    told = timeline(conductor.runbook, conductor.events, conductor.folder)
    starred = told.split("## Starred")[1].split("## In the order")[0]
    assert f"event {seq}: Note: It began with the mount" in starred
    assert starred.count("- ") == 1
    assert "| ★ Note: It began with the mount |" in told


def test_an_excerpt_and_a_command_from_elsewhere(conductor: Conductor, monkeypatch: pytest.MonkeyPatch) -> None:
    conductor.note("", pasted_output="Filesystem  Use%\n/backups  96%  PGPASSWORD=hunter2secret\n```\n# no heading\n")
    conductor.note("on the db host", at=NOW, manual_command=Ran("df -h | grep backups", "db1", "96 %"))
    told = timeline(conductor.runbook, conductor.events, conductor.folder)
    assert "Excerpt of 4 lines, below" in told
    assert "Note: on the db host. Ran elsewhere on db1: `df -h \\| grep backups`: 96 %" in told
    assert "````\nFilesystem  Use%\n" in told.split("## Excerpts")[1]
    assert "hunter2secret" not in told
    assert "hunter2secret" not in conductor.folder.journal.read_text(encoding="utf-8")


def test_a_note_says_something_and_not_too_much(conductor: Conductor) -> None:
    before = len(conductor.events)
    with pytest.raises(Refused, match="A note is missing"):
        conductor.note("  ", pasted_output=" \n ")
    with pytest.raises(Refused, match="a note holds 48"):
        conductor.note("", pasted_output="x" * (LONGEST_EXCERPT + 1))
    assert len(conductor.events) == before
    conductor.note(
        "", pasted_output="\u202e" * (LONGEST_EXCERPT // 6 - 1)
    )  # each takes six bytes: the longest that there may be
    assert len(conductor.events) == before + 1


def test_the_draft_of_an_update_says_what_the_journal_knows(conductor: Conductor) -> None:
    def now() -> str:
        return draft(conductor.runbook, conductor.incident, conductor.events, NOW)

    assert now().splitlines() == [
        "SEV-2 A small incident, update 1, 02:14 UTC",
        "Impact: not assessed yet",
        "Done: nothing new",
        "Next: Take ownership",
        "Next update: by 02:29 UTC",
    ]
    conductor.tick("asked", values={"owner": "ada"})
    conductor.skip("look", "dark")
    conductor.fail("work", "it broke")
    assert now().splitlines()[2:5] == ["Done: Take ownership", "Not working: Do the work", "Next: Do the work"]
    conductor.update(now())
    assert "update 2, 02:14 UTC\nImpact: not assessed yet\nDone: nothing new" in now()


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
def test_moments(text: str, at: str) -> None:
    assert moment(text, NOW) == datetime.fromisoformat(at).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["25:00", "2:60", "soon", "today 02:15", "2026-11-24 00:00", "2026-02-30 01:00", "0000-01-01 00:00"]
)
def test_what_is_no_moment_is_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no time|has not come yet"):
        moment(text, NOW)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.text(max_size=20))  # noqa: DTZ001  (made UTC below)
def test_a_moment_is_never_in_the_future(when: datetime, junk: str) -> None:
    now = when.replace(tzinfo=UTC)
    for text in (f"{when:%H:%M}", f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}", junk):
        try:
            found = moment(text, now)
        except BadInput:
            continue
        assert found is None or found <= now
