"""The timeline and what people write into it, on the screen: nothing that was written is changed by it."""

from __future__ import annotations

import time

import pytest
from textual.events import Paste

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from screens.pages.timeline import TimelineScreen
from tests.support.reference_incident import begin
from tests.support.screen_pilot import grid, opened, press, rest

pytestmark = pytest.mark.slow


async def test_words_are_corrected_beside_themselves(session: IncidentController) -> None:
    session.note("it began at noon")
    seq = session.events[-1].seq
    async with opened(session) as pilot:
        await press(pilot, "e", "e", "ctrl+k", *"at one", "ctrl+s")
        shown = grid(pilot)
    assert session.events[seq - 1].body["text"] == "it began at noon"
    assert session.incident.corrections[seq].text == "at one"
    assert "Note: it began at noon" in shown
    assert "Corrected by ada: at one" in shown


async def test_event_without_a_persons_text_is_not_corrected(session: IncidentController) -> None:
    begin(session, "emergency-backup")
    async with opened(session) as pilot:
        await press(pilot, "e", "e")
        assert isinstance(pilot.app.screen, TimelineScreen)
        assert "holds nobody's words" in grid(pilot)


async def test_timeline_stars_and_filters_select_entries(session: IncidentController) -> None:
    session.note("smoke", pasted_output="one\ntwo")
    async with opened(session) as pilot:
        await press(pilot, "e", "asterisk", "up", "asterisk", "asterisk", "f", "f", "f")
        shown = grid(pilot)
        assert "1 events, starred only" in shown
        assert "★" in shown
        assert "| two" in shown
        await press(pilot, "f", "slash", *"freeze", "enter")
        shown = grid(pilot)
        assert "holding 'freeze'" in shown
        assert "smoke" not in shown
        await press(pilot, "slash", "escape", "end")
        assert "smoke" in grid(pilot)


async def test_timeline_is_live_and_stays_where_the_operator_went(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "e", "home")
        timeline = pilot.app.screen
        assert isinstance(timeline, TimelineScreen)
        first = timeline.entry
        session.note("something new")
        await rest(pilot)
        assert timeline.entry is first, "it was laid out once"
        assert "▶  02:00:00 Declared" in grid(pilot)
        await press(pilot, "end")
        assert "something new" in grid(pilot)


async def test_observer_reads_and_changes_nothing(session: IncidentController) -> None:
    before = len(session.events)
    async with opened(IncidentController.observe(session.folder, actor="eve@test")) as pilot:
        await press(pilot, "e", "asterisk", "e", "n")
        assert isinstance(pilot.app.screen, TimelineScreen)
        assert "star" not in grid(pilot).splitlines()[-1]
    assert len(session.events) == before


async def test_note_with_a_manual_command_keeps_its_time(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "n", "tab", *"5 min ago", "tab", "right", "right", "tab")
        await press(pilot, *"df -h", "tab", *"db1", "tab", *"96 %", "enter")
    body = session.events[-1].body
    assert session.events[-1].kind == EventKind.NOTE
    assert body["manual_command"] == {"command": "df -h", "host": "db1", "result": "96 %"}
    assert body["text"] == ""
    assert body["at"]


async def test_pasted_output_keeps_its_lines(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "n", "tab", "tab", "right", "tab")
        pilot.app.post_message(Paste("Filesystem Use%\n/backups 96%\n"))
        await rest(pilot)
        await press(pilot, "ctrl+s")
    assert session.events[-1].body["pasted_output"].splitlines() == ["Filesystem Use%", "/backups 96%"]


async def test_note_without_anything_says_so(session: IncidentController) -> None:
    before = len(session.events)
    async with opened(session) as pilot:
        await press(pilot, "n", "ctrl+s")
        assert "an answer is needed" in grid(pilot)
        await press(pilot, *"x", "tab", *"25:00", "ctrl+s")
        assert "'25:00' is no time" in grid(pilot)
    assert len(session.events) == before


async def test_notes_of_any_length_are_shown_by_their_beginning_and_found_by_their_end(
    session: IncidentController,
) -> None:
    for number in range(6):
        session.note(f"note {number} " + "x" * 30_000 + " the end")
    async with opened(session, size=(120, 50)) as pilot:
        await press(pilot, "e")
        assert "more characters" in grid(pilot)
        await press(pilot, "slash", *"end", "enter")
        assert "holding 'end'" in grid(pilot)


async def test_tick_without_words_can_be_given_some(session: IncidentController) -> None:
    session.mark_done("tell-tech-lead")  # and that they were notified
    async with opened(session) as pilot:
        await press(pilot, "e", "up", "e")
        assert "Without words so far: 7.1 Tell the Tech Lead: done" in grid(pilot)
        await press(pilot, *"by phone", "ctrl+s")
    assert session.events[-1].body["text"] == "by phone"


async def test_timeline_names_a_criterion_by_its_title(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "c", "escape", "e")
        assert "Criterion Follow-up actions assigned: " in grid(pilot)


async def test_long_note_opens_whole_with_its_correction_and_both_times(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    session.note("x" * 3000 + " the end", pasted_output="\n".join(f"line {n}" for n in range(40)))
    session.correct(session.events[-1].seq, "it began at noon")
    try:
        async with opened(session, size=(120, 50)) as pilot:
            await press(pilot, "e", "slash", *"line 3", "enter", "enter", "G")
            shown = grid(pilot)
            assert "line 39" in shown
            assert "Corrected by ada: it began at noon" in shown
            assert "the end" in shown
            await press(pilot, "g")
            assert "CET here" in grid(pilot)
            await press(pilot, "escape")
            assert ", CET beside UTC" in grid(pilot)
    finally:
        monkeypatch.undo()
        time.tzset()
