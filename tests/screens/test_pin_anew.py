"""A plan whose server is not the pinned one: the screen asks why it is the right one, pins it and plans again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from midwatch.incident.events import Kind
from midwatch.pins import Pin
from midwatch.plan import ROLE, SYSTEM_IDENTIFIER, Effect, Plan, Verb
from midwatch.runbook.model import Environment
from tests.screens.conftest import grid, opened, press, until
from tests.screens.desk import DeskInMemory


async def test_screen_asks_for_the_reason_and_plans_again(desk: DeskInMemory) -> None:
    step = desk.incident.next_step(desk.runbook)
    assert step is not None
    target = next(iter(desk.runbook.targets))
    bindings = {f"{SYSTEM_IDENTIFIER}{target}": "2", f"{ROLE}{target}": "primary"}
    body = {"target": target, "system_identifier": "1", "role": "primary", "from": None, "reason": ""}
    desk.journal(Kind.PINNED, body)
    effects = (Effect(Verb.CREATE, "a backup"),)
    desk.plans[step.id] = Plan(step.uses, {}, effects, refusal="ARP is not the pinned server", bindings=bindings)
    async with opened(desk, (80, 24)) as pilot:
        await until(pilot, lambda: "pin the server anew, with a reason" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "Pin anew" in grid(pilot))
        await press(pilot, *"rebuilt", "enter")
        await until(pilot, lambda: desk.incident.pins[target] == Pin("2", "primary"))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
@pytest.mark.parametrize("environment", Environment)
async def test_header_and_dialog_name_the_environment(
    desk: DeskInMemory, environment: Environment, size: tuple[int, int]
) -> None:
    desk.runbook = replace(desk.runbook, environment=environment)
    async with opened(desk, size) as pilot:
        assert f"SEV-1  {environment.word}" in grid(pilot).splitlines()[0]
        await press(pilot, "enter")
        await until(pilot, lambda: f"{environment.word} · change" in grid(pilot))
