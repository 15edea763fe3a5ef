"""A key that is held acts once; letters beside a field go into it; what is chosen is what is marked."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import Input

from midwatch.api.action import Outcome
from midwatch.engine.incident_controller import IncidentController
from screens.dialogs.close_incident import CloseIncident
from screens.incident import enter_guard
from screens.incident.screen import IncidentScreen
from screens.widgets import held_keys
from screens.widgets.dialog import Dialog
from screens.widgets.form import Form
from screens.widgets.held_keys import HeldKeys, Press
from screens.widgets.inline_button import InlineButton, PickOne
from tests.support.freezes import write_freeze
from tests.support.night import Night
from tests.support.reference_incident import Stage, begin, finish
from tests.support.screen_pilot import Pilots, grid, opened, press, rest, until

pytestmark = pytest.mark.slow


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Night:
    """The waiting of a tired hand, by a clock of the test."""
    monkeypatch.setattr(enter_guard, "AFTER_A_MOVE", 0.5)
    monkeypatch.setattr(Dialog, "grace_s", 0.3)
    monkeypatch.setattr(held_keys, "REPEAT_S", 0.12)
    monkeypatch.setattr(held_keys, "HELD_S", 1.0)
    return Night()


async def arrive(pilot: Pilots, night: Night, key: str, *gaps: float, wait: bool = True) -> None:
    """The key arrives, once after each of these gaps."""
    for gap in gaps:
        night.at += gap
        event = events.Key(key, key if len(key) == 1 else None)
        event.time = night.at
        pilot.app.post_message(event)
        if wait:
            await rest(pilot)


@pytest.fixture
def manual(session: IncidentController) -> IncidentController:
    """An incident whose next steps are done manually, without questions."""
    for step in session.runbook.steps():
        if not session.incident.status(step).concluded and (step.kind.value != "manual" or step.questions):
            session.skip(step.id, "not tonight")
    return session


def ticked(session: IncidentController) -> int:
    return sum(event.kind == "step.marked_done" for event in session.events)


@pytest.mark.parametrize("first_repeat", [0.25, 0.5, 0.66])
async def test_held_enter_marks_nothing_done(manual: IncidentController, night: Night, first_repeat: float) -> None:
    """Four seconds of it, as keyboards repeat: it opens one dialog and is heard no more."""
    before = ticked(manual)
    async with opened(manual, held_keys=HeldKeys(night)) as pilot:
        night.at += 2
        await arrive(pilot, night, "enter", 0)
        assert isinstance(pilot.app.screen, Form)
        await arrive(pilot, night, "enter", first_repeat, *[0.033] * 100, wait=False)
        await rest(pilot)
        assert ticked(manual) == before
        assert isinstance(pilot.app.screen, Form)
        await arrive(pilot, night, "enter", 0.6)
        assert ticked(manual) == before + 1


async def test_over_a_slow_line_a_held_enter_comes_in_pieces_and_ticks_nothing(
    manual: IncidentController, night: Night
) -> None:
    before = ticked(manual)
    async with opened(manual, held_keys=HeldKeys(night)) as pilot:
        night.at += 2
        for gap in (0.0, 0.3, 0.6, 0.7):
            await arrive(pilot, night, "enter", gap, *[0.0] * 9, wait=False)
            await rest(pilot)
        assert ticked(manual) == before


async def test_enter_acts_on_a_new_step_after_half_a_second_without_enter(
    manual: IncidentController, night: Night
) -> None:
    before = ticked(manual)
    async with opened(manual, held_keys=HeldKeys(night)) as pilot:
        night.at += 2
        await arrive(pilot, night, "enter", 0, 0.6)
        assert ticked(manual) == before + 1
        for gap in (0.3, 0.4, 0.45):
            await arrive(pilot, night, "enter", gap)
            assert isinstance(pilot.app.screen, IncidentScreen)
        await arrive(pilot, night, "enter", 0.55)
        assert isinstance(pilot.app.screen, Form)


async def test_enter_that_means_something_else_since_a_step_ended_waits_as_well(
    session: IncidentController, night: Night
) -> None:
    async with opened(session, held_keys=HeldKeys(night)) as pilot:
        night.at += 2
        begin(session, "emergency-backup")
        await until(pilot, lambda: "running" in grid(pilot))
        night.at += 1
        finish(session, "emergency-backup", values={"path": "arp.sql.gz"})
        await until(pilot, lambda: "Enter run 3.9" in grid(pilot))
        await arrive(pilot, night, "enter", 0.2)
        assert isinstance(pilot.app.screen, IncidentScreen)
        assert not session.incident.running()


@pytest.mark.parametrize(("keys", "action"), [("q", "leave"), ("x", "cancel")])
async def test_key_that_opened_a_dialog_does_not_answer_it_while_it_is_held(
    session: IncidentController, night: Night, keys: str, action: str
) -> None:
    async with opened(session, held_keys=HeldKeys(night)) as pilot:
        night.at += 2
        begin(session, "emergency-backup")
        await until(pilot, lambda: "x end it" in grid(pilot))
        await arrive(pilot, night, keys, 0.7)
        dialog = pilot.app.screen
        assert isinstance(dialog, Dialog)
        await arrive(pilot, night, keys, 0.5, *[0.033] * 50, wait=False)
        await rest(pilot)
        assert pilot.app.screen is dialog
        assert pilot.app.return_value is None
        assert session.incident.running(), action


def test_repeats_are_told_from_presses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_keys, "REPEAT_S", 0.12)
    monkeypatch.setattr(held_keys, "HELD_S", 1.0)
    keys = HeldKeys()
    assert [keys.register("enter", at) for at in (0.0, 0.66, 0.69, 0.72, 1.0)] == [
        Press.FRESH,
        Press.DOUBTFUL,
        Press.REPEAT,
        Press.REPEAT,
        Press.REPEAT,
    ]
    assert keys.register("enter", 1.6) is Press.DOUBTFUL
    assert keys.register("a", 1.61) is Press.FRESH
    assert keys.register("enter", 1.65) is Press.FRESH


async def test_closure_dialog_takes_a_typed_reason_into_its_field(session: IncidentController, stage: Stage) -> None:
    stage.checks |= {criterion.check: Outcome(False, "96 %") for criterion in session.runbook.closure}
    write_freeze(session.session.context().location("freeze"), session.incident.id)
    async with opened(session) as pilot:
        await press(pilot, "c")
        assert isinstance(pilot.app.screen, CloseIncident)
        await until(pilot, lambda: "Closing lifts the freeze that this incident set" in grid(pilot))
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await press(pilot, "shift+tab")
        assert isinstance(pilot.app.focused, InlineButton)
        await press(pilot, *"hold on, r e y q")
        assert pilot.app.screen.query_one("#reason", Input).value == "hold on, r e y q"
        await press(pilot, *["backspace"] * 16, "n", "enter")
        assert "is no reason" in grid(pilot)
        assert session.incident.open
        await press(pilot, "ctrl+s")
        assert session.incident.open
        assert isinstance(pilot.app.screen, CloseIncident)


async def test_severity_dialog_takes_a_typed_reason_and_arrows_choose(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "exclamation_mark", *"minor hit, n o w", "up")
        screen = pilot.app.screen
        assert isinstance(screen, Form)
        assert screen.values() == {"severity": "SEV-0", "reason": "minor hit, n o w"}
        await press(pilot, "enter")
        assert session.incident.severity == "SEV-0"
        await press(pilot, "exclamation_mark", "tab", *"xyz")
        assert isinstance(pilot.app.screen, Form)
        assert pilot.app.screen.values()["reason"] == "xyz"


async def test_space_on_a_button_does_nothing(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "enter", "space", "space")
        assert isinstance(pilot.app.screen, Dialog)
        await press(pilot, "escape", "q", "space")
        assert isinstance(pilot.app.screen, Dialog)


async def test_choice_mark_stands_at_the_chosen_option(session: IncidentController) -> None:
    from tests.support.screen_pilot import MidwatchApp

    app = MidwatchApp(session, sources=[], environment={"TERM": "xterm-256color"}, keymap={})
    async with app.run_test() as pilot:
        choice = PickOne([("yes", "yes"), ("no", "no")], app.text_styles, id="choice", across=True)
        await pilot.app.screen.mount(choice)
        choice.focus()
        await pilot.pause()
        assert choice.render().plain == "  ( ) yes   ( ) no  → choose one"
        await pilot.press("n")
        assert choice.render().plain == "  ( ) yes ▶ (*) no"
        await pilot.press("space")
        assert choice.value == "no"
        await pilot.press("left")
        assert choice.render().plain == "▶ (*) yes   ( ) no"


async def test_enter_on_a_choice_without_an_answer_says_so_and_stays(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "t", "shift+tab", "enter")
        assert "choose one first" in grid(pilot)
        assert isinstance(pilot.app.focused, PickOne)


@pytest.mark.parametrize("text", ["\nq\ny\nn\n" * 300, "\x1b[Aq\x1by and more\n", "one line to keep"])
async def test_paste_is_offered_as_a_note_and_does_nothing_by_itself(session: IncidentController, text: str) -> None:
    before = len(session.events)
    async with opened(session) as pilot:
        pilot.app.post_message(events.Paste(text))
        await rest(pilot)
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert f"Pasted {len(text)} characters: keep them as a note?" in grid(pilot)
        assert len(session.events) == before
        await press(pilot, "ctrl+s")
        assert len(session.events) == before + 1


async def test_paste_goes_into_the_field_of_a_dialog_wherever_the_focus_is(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "exclamation_mark", "tab")
        pilot.app.post_message(events.Paste("\nit is\r\nworse\n"))
        await rest(pilot)
        assert isinstance(pilot.app.screen, Form)
        assert pilot.app.screen.values()["reason"] == "it is worse"
        await press(pilot, "escape", "q")
        pilot.app.post_message(events.Paste("yyyy\nq\n"))
        await rest(pilot)
        assert pilot.app.return_value is None
        assert isinstance(pilot.app.screen, Dialog)
