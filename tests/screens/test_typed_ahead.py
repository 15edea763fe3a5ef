"""Keys that arrive many at once, as over a slow line, and keys that are pressed while a dialog writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from textual import events

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.system.errors import Failed
from screens.dialogs import confirm
from screens.dialogs.confirm import Confirm
from screens.dialogs.leave import Leave
from screens.incident.screen import IncidentScreen
from screens.widgets.checklist import Checklist
from screens.widgets.dialog import Dialog
from screens.widgets.form import Form
from tests.support.screen_pilot import Pilots, grid, opened, press, rest, until
from tui.terminal import key_queue

pytestmark = pytest.mark.slow

STEP = "emergency-backup"
AT_ONCE: dict[str, tuple[list[str], list[str], Callable[[Incident], object]]] = {
    "note": (["n", *"smoke", "ctrl+s"], ["ctrl+s"], lambda incident: incident.notes[-1].text == "smoke"),
    "update": (["u", "ctrl+s"], ["ctrl+s"], lambda incident: incident.last_update_at),
    "notify": (
        ["t", *"all of it", "enter"],
        ["down", "enter"],
        lambda incident: incident.notes[-1].text == "all of it",
    ),
    "skip": (["s", *"later", "enter"], ["enter"], lambda incident: incident.steps[STEP].status is StepStatus.SKIPPED),
    "severity": (
        ["exclamation_mark", *"worse", "enter"],
        ["up", "enter"],
        lambda incident: incident.severity == "SEV-0",
    ),
    "consent": (["enter", "y"], ["y"], lambda incident: incident.step(STEP).last),
}
"""What arrives at once, and what is typed once the dialog stands there."""


def type_ahead(pilot: Pilots, *keys: str) -> None:
    """All of them arrive before the first is heard."""
    for key in keys:
        name = {" ": "space"}.get(key, key)
        pilot.app.post_message(events.Key(name, key if len(key) == 1 else None))


@pytest.mark.parametrize("case", AT_ONCE)
async def test_text_typed_ahead_reaches_the_field_and_what_decides_does_not(
    session: IncidentController, case: str
) -> None:
    """The keys that answer the dialog, and the `q` for the screen below, were typed before the dialog stood there."""
    ahead, then, done = AT_ONCE[case]
    before = len(session.events)
    async with opened(session) as pilot:
        type_ahead(pilot, *ahead, "q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Dialog))
        await rest(pilot)
        assert not isinstance(pilot.app.screen, Leave)
        assert len(session.events) == before
        await press(pilot, *then)
        assert done(session.incident)
        assert isinstance(pilot.app.screen, IncidentScreen)


class SlowNotes:
    """A session whose notes are written when they are let."""

    def __init__(self, session: IncidentController, monkeypatch: pytest.MonkeyPatch, refusal: str = "") -> None:
        self.let, self.begun = threading.Event(), threading.Event()
        write = session.note

        def slow(*words: Any, **more: Any) -> None:
            self.begun.set()
            assert self.let.wait(30)
            if refusal:
                raise Failed(refusal)
            write(*words, **more)

        monkeypatch.setattr(session, "note", slow)

    async def begin(self, pilot: Pilots) -> None:
        type_ahead(pilot, "n", *"smoke")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form) and pilot.app.screen.values()["text"] == "smoke")
        await rest(pilot)
        type_ahead(pilot, "ctrl+s")
        await until(pilot, self.begun.is_set)


async def test_key_typed_while_a_dialog_writes_is_dropped(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowNotes(session, monkeypatch)
    async with opened(session) as pilot:
        await slow.begin(pilot)
        type_ahead(pilot, "enter", "ctrl+s", "escape", "q", "h")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Form)
        slow.let.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, IncidentScreen))
        await rest(pilot)
        assert isinstance(pilot.app.screen, IncidentScreen)
        assert [note.text for note in session.incident.notes].count("smoke") == 1


async def test_keys_typed_ahead_of_a_refusal_are_dropped(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowNotes(session, monkeypatch, refusal="the disk is full")
    async with opened(session) as pilot:
        await slow.begin(pilot)
        type_ahead(pilot, *"qy")
        await pilot.pause()
        slow.let.set()
        await until(pilot, lambda: "the disk is full" in grid(pilot))
        await rest(pilot)
        assert isinstance(pilot.app.screen, Form)
        assert pilot.app.screen.values()["text"] == "smoke"
        await press(pilot, *" again")
        assert pilot.app.screen.values()["text"] == "smoke again"


async def test_dialog_that_hangs_is_left_at_once(session: IncidentController, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+Q does not wait, and what waited does not come after it."""
    slow = SlowNotes(session, monkeypatch)
    async with opened(session) as pilot:
        await slow.begin(pilot)
        type_ahead(pilot, "q", "ctrl+q")
        await until(pilot, lambda: isinstance(pilot.app.screen, IncidentScreen))
        slow.let.set()
        await rest(pilot)
        assert isinstance(pilot.app.screen, IncidentScreen)
        await press(pilot, "q")
        assert isinstance(pilot.app.screen, Leave)


async def test_consent_before_the_plan_is_shown_is_ignored(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deaf moment begins when the plan stands on the screen, not when the key was pressed."""
    async with opened(session) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, IncidentScreen)
        screen.action_press("go")
        while not isinstance(dialog := pilot.app.screen, Dialog):  # noqa: ASYNC110 - the moment in which it opens
            await asyncio.sleep(0)
        assert isinstance(dialog, Confirm)
        dialog.action_yes()
        monkeypatch.setattr(confirm, "GRACE", 3600.0)
        type_ahead(pilot, "y", "y")
        await rest(pilot)
        assert pilot.app.screen is dialog
        assert session.incident.step(STEP).last is None


async def test_turn_whose_end_is_lost_with_a_screen_keeps_no_key(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody types another one to get it heard."""
    monkeypatch.setattr(key_queue, "TOO_LONG", 0.3)
    later = Checklist.call_later

    def gone(checklist: Checklist, callback: Callable[..., object], *args: object) -> bool:
        """As a widget that takes what the queue of keys gives it, and goes; the pilot is answered."""
        return isinstance(callback, partial) or later(checklist, callback, *args)

    async with opened(session) as pilot:
        monkeypatch.setattr(Checklist, "call_later", gone)
        type_ahead(pilot, "down", "up", "q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Leave))


async def test_keys_behind_a_paste_are_not_for_the_screen_beneath_its_note(session: IncidentController) -> None:
    async with opened(session) as pilot:
        type_ahead(pilot, "down")
        pilot.app.post_message(events.Paste("one line to keep"))
        type_ahead(pilot, "q", "s")
        pilot.app.post_message(events.Paste("and another"))
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        await rest(pilot)
        assert "keep them as a note?" in grid(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, IncidentScreen)
