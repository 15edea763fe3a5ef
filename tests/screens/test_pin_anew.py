"""A plan whose server is not the pinned one: the screen asks why it is the right one, pins it and plans again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from midwatch.api.plan import ROLE, SYSTEM_IDENTIFIER, Effect, Plan, Verb
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.server_pins import Pin
from midwatch.runbook.model import Environment
from tests.support.reference_incident import Stage
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow


async def test_screen_asks_for_the_reason_and_plans_again(session: IncidentController, stage: Stage) -> None:
    step = session.incident.next_step(session.runbook)
    assert step is not None
    target = next(iter(session.runbook.targets))
    bindings = {f"{SYSTEM_IDENTIFIER}{target}": "2", f"{ROLE}{target}": "primary"}
    body = {"target": target, "system_identifier": "1", "role": "primary", "from": None, "reason": ""}
    session.session.append(EventKind.PINNED, body)
    effects = (Effect(Verb.CREATE, "a backup"),)
    stage.plans[step.id] = Plan(step.uses, {}, effects, refusal="ARP is not the pinned server", bindings=bindings)
    async with opened(session, (80, 24)) as pilot:
        await until(pilot, lambda: "pin the server anew, with a reason" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "Pin anew" in grid(pilot))
        await press(pilot, *"rebuilt", "enter")
        await until(pilot, lambda: session.incident.pins[target] == Pin("2", "primary"))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
@pytest.mark.parametrize("environment", Environment)
async def test_header_and_dialog_name_the_environment(
    session: IncidentController, environment: Environment, size: tuple[int, int]
) -> None:
    session.session.runbook = replace(session.runbook, environment=environment)
    async with opened(session, size) as pilot:
        assert f"SEV-1  {environment.word}" in grid(pilot).splitlines()[0]
        await press(pilot, "enter")
        await until(pilot, lambda: f"{environment.word} · change" in grid(pilot))
