"""What a step came to stays in view, nothing jumps, the filter shows its way out, and what is shown can be clicked."""

from __future__ import annotations

import re

import pytest

from midwatch.engine.incident_controller import IncidentController
from screens.pages.panel import PanelPage
from screens.widgets.line_view import LineView
from tests.support.reference_incident import begin, finish
from tests.support.screen_pilot import Pilots, grid, opened, press, resize, rest

pytestmark = pytest.mark.slow
SAID = "[OK] Backup saved: emergency-backup/arp-prod-20261123-021407.sql.gz, 124 MB, and its checksum was verified"


def outlines(pilot: Pilots) -> dict[str, object]:
    """Where each part of the screen is."""
    names = ("top", "strip", "checklist", "step", "output", "keys")
    return {name: pilot.app.screen.query_one(f"#{name}").region for name in names}


async def test_the_result_of_a_step_stays_above_the_next_one_at_every_size(session: IncidentController) -> None:
    async with opened(session, (120, 36)) as pilot:
        before = outlines(pilot)
        begin(session, "emergency-backup", b"writing\n")
        await rest(pilot)
        assert "3.7 Halt other workflows: skipped" in grid(pilot), "of the step before, while the next one runs"
        assert outlines(pilot) == before
        finish(session, "emergency-backup", summary=SAID)
        await rest(pilot)
        assert outlines(pilot) == before, "a step that runs and ends moves nothing"
        for size in ((200, 60), (120, 36), (80, 24), (60, 15)):
            await resize(pilot, size)
            shown = grid(pilot)
            step = pilot.app.screen.query_one("#step", LineView).plain()
            assert "3.9 Validate the" in step
            assert " ".join(step.split()).startswith("✓ 3.8 Emergency backup of ARP: done in 4 s, 02:14:07 UTC"), size
            assert "o output" in shown
            assert "its checksum was verified" in " ".join(step.split())
            assert step.index("verified") < step.index("3.9")
        await press(pilot, "j")
        assert "3.8 Emergency backup of ARP: done" not in grid(pilot), "above the next step only"


async def test_a_filter_in_force_shows_its_words_and_its_way_out(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "slash", *"backup", "enter")
        for size in ((80, 24), (200, 60), (60, 15)):
            await resize(pilot, size)
            assert re.search("/backup: 10 found, Esc( for all)?", grid(pilot)), size
        await press(pilot, "z")
        assert "/backup: 10 found, Esc" in grid(pilot), "where the step is shown instead of the checklist"
        await press(pilot, "escape")
        assert "found, Esc" not in grid(pilot)


@pytest.mark.parametrize("width", [60, 80, 100])
async def test_the_footer_keeps_the_keys_of_every_day_and_can_be_clicked(
    session: IncidentController, width: int
) -> None:
    keymap = {"detail": "i", "incidents": "d"}
    async with opened(session, (width, 24), keymap=keymap) as pilot:
        line = grid(pilot).splitlines()[-1]
        assert "e i q ? help" in line if width < 100 else "? help" in line
        assert " i" in line
        await pilot.click("#keys", offset=(line.rindex(" q") + 1, 0))
        await rest(pilot)
        assert "Leave the screen?" in grid(pilot)


async def test_panels_and_rows_can_be_clicked(session: IncidentController) -> None:
    async with opened(session) as pilot:
        for offset, title in (((45, 0), "Docker"), ((3, 1), "Backups"), ((60, 2), "Alerts")):
            await pilot.click("#strip", offset=offset)
            await rest(pilot)
            assert isinstance(pilot.app.screen, PanelPage)
            assert f"{title}]" in grid(pilot)
            await press(pilot, "escape")
        await pilot.click("#checklist", offset=(8, 3))
        await rest(pilot)
        assert "3.5 Block migrations" in pilot.app.screen.query_one("#step", LineView).plain()
        await resize(pilot, (200, 60))
        await pilot.click("#live", offset=(6, 10))
        await rest(pilot)
        assert "Docker]" in grid(pilot)
