"""What was typed and not written survives Esc, in every dialog; a secret never does, and what is written is no
draft."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.events import Paste

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from screens.widgets.drafts import Drafts
from tests.support.screen_pilot import grid, opened, press, rest, until
from tests.support.small_incident import RUNBOOK
from tui.app.app import MidwatchApp

ASKS_A_SECRET = """\
midwatch: 1
id: asked
title: A secret is asked for
severity: SEV-3
phases:
  - {title: All, steps: [{id: use, title: Use it, risk: change, run: "true", secrets: {API_TOKEN: {prompt: true}}}]}
"""


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


@pytest.mark.slow
async def test_text_typed_into_any_dialog_survives_escape(controller: IncidentController) -> None:
    before = len(controller.events)
    keys = ("n", "u", "s", "t", "h", "f")
    async with opened(controller, sources=[]) as pilot:
        for key in keys:
            await press(pilot, key, *f"{key}smoke", "escape")
            assert "What you typed is kept" in grid(pilot)
        for key in keys:
            await press(pilot, key)
            assert f"{key}smoke" in grid(pilot), key
            assert "A draft of yours" in grid(pilot)
            await press(pilot, "escape")
        await press(pilot, "q")
        assert "lost with the screen" in grid(pilot)
        await press(pilot, "escape")
        assert len(controller.events) == before
        await press(pilot, "n", *" again", "ctrl+s", "n")
        assert "smoke" not in grid(pilot)  # written: it is no draft any more
        assert controller.events[-1].body["text"] == "nsmoke again"
        await press(pilot, "escape", "s", "ctrl+u", "escape", "s")
        assert "A draft of yours" not in grid(pilot)  # deleted: it begins anew


@pytest.mark.slow
async def test_pasted_lines_are_added_to_the_draft_and_kept_only_when_wanted(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "n", *"before", "escape")
        for _ in range(2):
            pilot.app.post_message(Paste("hunter2 by mistake"))
            await rest(pilot)
            assert "before\n" in pilot.app.screen.query_one("#field-text").text  # type: ignore[attr-defined]
            await press(pilot, "escape", "n")
            assert "hunter2" not in grid(pilot)
            await press(pilot, "escape")


@pytest.mark.slow
async def test_typed_secret_is_no_draft(here: Path) -> None:
    (here / "runbook.yaml").write_text(ASKS_A_SECRET, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "enter")
        await until(pilot, lambda: "Secrets for 1.1" in grid(pilot))
        await press(pilot, *"hunter2", "escape")
        assert isinstance(pilot.app, MidwatchApp)
        assert not pilot.app.drafts.kept
    controller.leave()


def test_drafts_of_a_step_lapse_when_the_step_was_run() -> None:
    drafts = Drafts()
    for name in ("Skip 1.1 Look", "Undo 1.1 Look", "Note"):
        drafts.keep(name, {"a": ""}, {"a": "x"}, {"a"})
    drafts.forget_about("1.1 Look")
    assert list(drafts.kept) == ["Note"]
