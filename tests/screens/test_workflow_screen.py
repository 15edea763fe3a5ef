"""Enter on the screen does the next action in every situation, and asks for the same requirements in the same order."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.planning import can_undo
from tests.support.screen_pilot import Pilots, grid, opened, press, rest
from tests.support.situations import (
    ANSWERS,
    APPROVAL,
    CHECK,
    GO_TO,
    NAME,
    REASON,
    SECRETS,
    SITUATIONS,
    WAITS,
    YES,
    Situation,
    asked_of,
    build,
    decision_of,
    recorded,
)

pytestmark = pytest.mark.slow


async def asked(pilot: Pilots, key: str) -> tuple[str, ...]:
    """What the screen asks for after this key; everything is answered."""
    found: list[str] = []
    await press(pilot, key)
    while pilot.app.screen.is_modal:
        shown = grid(pilot)
        if "recorded" in shown:
            await press(pilot, "escape")
        elif "Why" in shown:
            found.append(REASON)
            await fill_in(pilot, "it has to be")
            await press(pilot, "enter")
        elif "Secrets for" in shown:
            found.append(SECRETS)
            await fill_in(pilot, "typed-unseen")
            await press(pilot, "enter")
        elif "It takes two people" in shown:
            found.append(APPROVAL)
            await press(pilot, "y")
        elif "type the" in shown:
            found.append(NAME)
            name = next(line for line in shown.splitlines() if "type the" in line).split(":  ")[1].split()[0]
            await press(pilot, "tab")
            await fill_in(pilot, name)
            await press(pilot, "enter", "enter")
        elif "Note" in shown:
            found.append(ANSWERS)
            await press(pilot, *["enter"] * (shown.count("Who?") + 1))
        else:
            found.append(YES)
            await press(pilot, "y")
        assert len(found) < 5, shown
    if "waits for a second person: " in grid(pilot):
        found.append(WAITS)
    return tuple(found)


async def fill_in(pilot: Pilots, text: str) -> None:
    """Write this into the field that has the focus, as a paste does."""
    field = pilot.app.focused
    assert isinstance(field, Input)
    field.value = text
    await pilot.pause()


async def at(pilot: Pilots, situation: Situation) -> None:
    """Move the cursor to the step of the situation, and wait for its plan."""
    pilot.app.screen.notice("")
    pilot.app.screen.checklist.go_to(situation.id)
    pilot.app.screen.on_checklist_moved()
    await rest(pilot)


KINDS = ["manual", *(f"{kind}-{risk}" for kind in ("run", "uses") for risk in ("observe", "change", "destroy"))]


@pytest.mark.parametrize("kind", KINDS)
async def test_enter_does_the_next_action(here: Path, kind: str) -> None:
    controller = build(here, kind)
    with recorded(controller) as made:
        async with opened(controller, sources=[]) as pilot:
            for situation in SITUATIONS:
                if situation.id.startswith(kind):
                    await at(pilot, situation)
                    made.clear()
                    await compare(pilot, controller, situation, made)
    controller.leave()


async def compare(
    pilot: Pilots, controller: IncidentController, situation: Situation, made: list[tuple[str, str]]
) -> None:
    expected = decision_of(situation)
    if situation.action == CHECK:
        assert await asked(pilot, "enter") == (), situation.id
    if situation.action == GO_TO and not situation.id.endswith("depends"):  # one key press shows enough
        assert f"Enter go to {controller.runbook.step('first').number}" in grid(pilot), situation.id
    else:
        assert await asked(pilot, "enter") == asked_of(situation.requires), situation.id
    if situation.id.endswith("depends"):
        assert pilot.app.screen.step is controller.runbook.step("first"), situation.id
    if situation.again is not None and not situation.id.endswith("skipped"):
        await at(pilot, situation)
        assert await asked(pilot, "r") == situation.again, situation.id
        expected.append(("reopen" if situation.id.startswith("manual") else "start", situation.id))
    if situation.undo is not None:
        await at(pilot, situation)
        assert can_undo(controller.runbook.step(situation.id), controller.runbook, controller.incident)
        assert await asked(pilot, "minus") == situation.undo, situation.id
        expected.append(("start", situation.id))
    assert made == expected, situation.id
