"""Pages beside the incident: words are found, the palette is one key away, and what looks like a key can be clicked."""

from __future__ import annotations

import pytest

from midwatch.engine.incident_controller import IncidentController
from screens.dialogs.palette import Palette
from screens.incident.screen import IncidentScreen
from screens.pages.timeline import TimelineScreen
from screens.widgets.form import Form
from tests.support.screen_pilot import Pilots, grid, opened, press, rest

pytestmark = pytest.mark.slow


async def click(pilot: Pilots, selector: str, text: str) -> None:
    """Click the text where it stands in this widget."""
    area = pilot.app.screen.query_one(selector).region
    for y, line in enumerate(grid_of_all(pilot)[area.y : area.bottom]):
        if (x := line[area.x : area.right].rfind(text)) >= 0:
            await pilot.click(offset=(area.x + x, area.y + y))
            await rest(pilot)
            return
    raise AssertionError(f"{text!r} does not stand in {selector}:\n{grid(pilot)}")


def grid_of_all(pilot: Pilots) -> list[str]:
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


async def test_slash_finds_words_on_a_plain_page_and_the_footer_says_where(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "question_mark", "slash", *"its name")
        assert "found by its name" in grid(pilot), "in view while it is typed"
        assert "its name: 1 of 1" in grid(pilot)
        await press(pilot, "enter", "slash", *[*["backspace"] * 8, *"step"], "enter", "n")
        assert "step: 2 of" in grid(pilot)
        await press(pilot, "N", "N")
        last = grid(pilot).splitlines()[-1].split("step: ")[1].split()
        assert last[0] == last[2], "around the begin"
        await press(pilot, "slash", "escape")
        assert "lines" in grid(pilot).splitlines()[-1], "given up"
        await press(pilot, "escape", "i", "slash", *"backup", "enter", "enter")
        assert isinstance(pilot.app.screen, IncidentScreen), "Enter opens the incident that was found"


async def test_palette_opens_above_a_page_and_its_command_leaves_the_page(session: IncidentController) -> None:
    async with opened(session) as pilot:
        for page in ("question_mark", "d", "e", "o", "l", "i"):
            await press(pilot, page)
            assert ": commands" in grid(pilot).splitlines()[-1] or page in "eol", page
            below = pilot.app.screen
            await press(pilot, "colon")
            assert isinstance(pilot.app.screen, Palette), page
            await press(pilot, "escape")
            assert pilot.app.screen is below, page
            await press(pilot, "escape")
        await press(pilot, "e", "enter", "colon", *"write note", "enter")
        assert isinstance(pilot.app.screen, Form)
        await press(pilot, "f1")
        assert "commands" not in grid(pilot), "not above a dialog"
        await press(pilot, "colon", "escape", "escape")
        assert isinstance(pilot.app.screen, IncidentScreen), "the pages are closed"


async def test_keys_and_rows_of_pages_and_dialogs_can_be_clicked(session: IncidentController) -> None:
    async with opened(session, (100, 30)) as pilot:
        await press(pilot, "question_mark")
        await click(pilot, "#bottom", "find")
        assert pilot.app.focused is pilot.app.screen.query_one("#filter")
        await press(pilot, "escape")
        await click(pilot, "#bottom", "back")
        await press(pilot, "l")
        await click(pilot, "#lines", "3 Backups")
        assert "[3 Backups]" in grid(pilot)
        await click(pilot, "#top", "5 Alerts")
        assert "[5 Alerts]" in grid(pilot)
        await click(pilot, "#bottom", "help")
        await press(pilot, "escape", "escape", "escape", "i")
        await click(pilot, "#bottom", "open")
        assert isinstance(pilot.app.screen, IncidentScreen)
        await press(pilot, "e")
        await click(pilot, "#lines", "Freeze deployments")
        chosen = next(line for line in grid(pilot).splitlines() if line.lstrip().startswith("▶"))
        assert "Freeze deployments" in chosen
        await click(pilot, "#lines", "Freeze deployments")
        assert grid(pilot).startswith(" Event ")
        await press(pilot, "escape", "escape", "colon", *"timeline")
        await click(pilot, "#found", "timeline")
        assert isinstance(pilot.app.screen, TimelineScreen)
        await press(pilot, "escape", "comma")
        await click(pilot, "#hint", "cancel")
        assert isinstance(pilot.app.screen, IncidentScreen)
        await press(pilot, "n", *"kept")
        await click(pilot, "#hint", "help")
        assert "The next field or choice" in grid(pilot)
