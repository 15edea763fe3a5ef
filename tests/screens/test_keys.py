"""The keys: one list of them, movement as in k9s and lazydocker, names that are found, weights that are apart."""

from __future__ import annotations

import pytest

from midwatch.engine.incident_controller import IncidentController
from screens.dialogs.palette import Palette
from screens.keys.incident_keys import KEYS, MOVE
from screens.keys.keymaps import SCREENS
from screens.pages.help import FIVE_LINES, help_lines
from screens.pages.timeline import TimelineScreen
from screens.widgets.key import Key
from screens.widgets.styles import TextStyles
from tests.support.screen_pilot import grid, opened, press

STYLES = TextStyles(ascii=False, colours=False)


def found(typed: str) -> list[str]:
    ranked = [(rank, key.id) for key in KEYS if key.group != MOVE and (rank := key.rank(typed)) is not None]
    return [name for _, name in sorted(ranked, key=lambda item: item[0])]


def test_every_name_and_alias_of_the_palette_finds_its_key_first() -> None:
    for key in KEYS:
        if key.group != MOVE:
            for name in (key.called, *key.aliases.split()):
                assert found(name)[0] == key.id, name
    assert found("timel")[0] == "timeline"
    assert found("seve")[0] == "severity"


def test_no_two_letters_that_differ_by_shift_have_different_weight() -> None:
    for screen, keys in SCREENS.items():
        by_key = {key.key: key for key in keys}
        for key in keys:
            other = by_key.get(key.key.swapcase()) if len(key.key) == 1 else None
            if other is not None:
                assert not key.writes, (screen, key.id)
                assert not key.watches, (screen, key.id)
                assert key.group == other.group, (screen, key.id)


def test_movement_is_the_same_on_every_screen() -> None:
    for screen, keys in SCREENS.items():
        if screen != "dialogs":
            by_key = {key.key: key for key in keys}
            for key, name in {"j": "down", "k": "up", "g": ("top", "begin"), "G": ("bottom", "end")}.items():
                assert by_key[key].id.endswith(name), (screen, key)


def test_help_begins_with_five_lines_and_with_the_keys_of_what_has_the_focus() -> None:
    for focus, first in (("checklist", "The step under the cursor"), ("output", "What is shown")):
        text = [line.plain for line in help_lines(80, STYLES, {"skip": "K"}, driving=True, focus=focus)]
        assert [line.strip(" ·") for line in text[1:6]] == list(FIVE_LINES)
        assert text[7] == first
        assert any(line.startswith(" K ") and "Go on without" in line for line in text)
        assert all(len(line) <= 80 for line in text)
    watched = "\n".join(line.plain for line in help_lines(80, STYLES, {}, driving=False))
    assert "As the second person" in watched
    assert "Go on without" not in watched


def test_key_without_a_name_of_its_own_is_called_by_its_words() -> None:
    assert Key("a", "a", "words", "Help").called == "words"


@pytest.mark.slow
async def test_hands_of_k9s_and_lazydocker_move_zoom_and_find_their_way_back(session: IncidentController) -> None:
    before = len(session.events)
    async with opened(session, (120, 36)) as pilot:
        screen = pilot.app.screen
        here = screen.checklist.step  # type: ignore[attr-defined]
        await press(pilot, "j")
        assert screen.checklist.step is not here  # type: ignore[attr-defined]
        await press(pilot, "k")
        assert screen.checklist.step is here  # type: ignore[attr-defined]
        await press(pilot, "g")
        assert screen.checklist.phase is session.runbook.phases[0]  # type: ignore[attr-defined]
        await press(pilot, "G")
        assert screen.checklist.phase is session.runbook.phases[-1]  # type: ignore[attr-defined]
        await press(pilot, "full_stop", "tab", "z")
        assert "Checklist" not in grid(pilot)
        assert "Emergency backup of ARP" in grid(pilot)
        await press(pilot, "escape")
        assert "Checklist" in grid(pilot)
        await press(pilot, "escape")
        assert screen.focused is screen.checklist  # type: ignore[attr-defined]
        await press(pilot, "slash", *"clean", "enter")
        assert "found" in grid(pilot)
        await press(pilot, "escape")
        assert "found" not in grid(pilot)
        await press(pilot, "colon", *"timeline", "enter")
        assert isinstance(pilot.app.screen, TimelineScreen)
        await press(pilot, "q", "colon")
        assert isinstance(pilot.app.screen, Palette)
        await press(pilot, "escape", "question_mark")
        assert "How it works" in grid(pilot)
        await press(pilot, "q")
    assert len(session.events) == before
