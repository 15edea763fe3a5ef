"""Every screen at three sizes, in ASCII, and without colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from midwatch.api.action import Outcome
from midwatch.api.plan import PlanDraft, Verb
from midwatch.api.probe import Reading
from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.model import CheckSpec, Risk
from midwatch.system.errors import SourceLocation
from screens.incident.screen import IncidentScreen
from tests.support.panel_readings import ROWS
from tests.support.reference_incident import Stage
from tests.support.screen_pilot import Pilots, grid, opened, press, resize, until

pytestmark = pytest.mark.slow

PLACE = SourceLocation("runbook.yaml", 1, 1)
SIZES = {"200x60": (200, 60), "120x36": (120, 36), "100x30": (100, 30), "80x24": (80, 24), "60x15": (60, 15)}


@pytest.mark.parametrize("name", SIZES)
async def test_incident_screen_is_the_golden(session: IncidentController, golden, name: str) -> None:
    async with opened(session, SIZES[name]) as pilot:
        golden(pilot, f"incident-{name}")


async def at_sizes(pilot: Pilots, golden, name: str, awaited: str = "") -> None:
    """Compare at every size, from the largest to the smallest: a terminal that shrinks loses nothing either.

    `awaited` is a text that comes a moment after the screen."""
    for size, cells in SIZES.items():
        await resize(pilot, cells)
        await until(pilot, lambda: awaited in grid(pilot))
        golden(pilot, f"{name}-{size}")


DIALOGS = {
    "confirm": ("enter",),
    "note": ("n",),
    "note-ran": ("n", "tab", "tab", "right", "right", "tab"),
    "skip": ("s",),
    "notify": ("t",),
    "update": ("u",),
    "severity": ("exclamation_mark",),
    "closure": ("c",),
    "help": ("question_mark",),
    "palette": ("colon", *"note"),
    "incidents": ("i",),
    "timeline": ("e",),
    "timeline-words": ("e", "f", "asterisk"),
    "correct": ("e", "e"),
    "live": ("l",),
    "detail": ("d",),
    "output": ("o",),
    "leave": ("q",),
}


@pytest.mark.parametrize("name", DIALOGS)
async def test_dialog_is_the_golden(session: IncidentController, golden, name: str) -> None:
    async with opened(session, SIZES["200x60"]) as pilot:
        await press(pilot, *DIALOGS[name])
        await at_sizes(pilot, golden, name, {"closure": "To close all the same", "output": "79 B"}.get(name, ""))


def unmet(session: IncidentController, stage: Stage) -> None:
    """The emergency backup requires two things, of which one does not hold."""
    required = (
        CheckSpec("disk", "Disk below 90 %", "disk", {"path": ".", "below": "90 %"}, PLACE),
        CheckSpec("quiet", "Nobody migrates", "freeze-status", {}, PLACE),
    )
    phases = tuple(
        replace(
            phase,
            steps=tuple(replace(s, preconditions=required) if s.id == "emergency-backup" else s for s in phase.steps),
        )
        for phase in session.runbook.phases
    )
    session.session.runbook = replace(session.runbook, phases=phases)
    stage.checks["disk"] = Outcome(False, "backups is 96 % full")
    stage.checks["freeze-status"] = Outcome(True, "frozen until 04:00")


def frozen(session: IncidentController, stage: Stage) -> None:
    """The freeze of a moment ago can be undone."""
    draft = PlanDraft("freeze", {"mode": "off"})
    draft.add(Verb.REMOVE, "freeze file automation/freeze", note="deployments may go on", kind="file")
    draft.fact("now", "frozen by ada@bastion until 04:00 UTC: backup failure")
    stage.plans["undo freeze-deployments"] = draft.plan()


GOAL = "not needed to reach the goal"


def destroys(session: IncidentController, stage: Stage) -> None:
    """The next step removes more than the dialog has lines for."""
    draft = PlanDraft("clean-backups", {"target": "arp-db-prod"}, confirm_name="arp-db-prod")
    for day in range(1, 15):
        draft.add(
            Verb.REMOVE,
            f"old/202611{day:02}-020000",
            size=10_700_000,
            reversible=False,
            kind="set",
            note="arp, gps, otc",
        )
    for day, why in ((15, GOAL), (16, GOAL), (23, "one of the 2 newest good ones of arp"), (17, GOAL)):
        draft.add(Verb.KEEP, f"202611{day}-020000", size=10_700_000, note=why, kind="set")
    draft.fact("disk", "96 % full, 5.8 MB free")
    draft.fact("frees", "150 MB: 96 % → 71 %")
    phases = tuple(
        replace(
            phase, steps=tuple(replace(s, risk=Risk.DESTROY) if s.id == "emergency-backup" else s for s in phase.steps)
        )
        for phase in session.runbook.phases
    )
    session.session.runbook = replace(session.runbook, phases=phases)
    stage.plans["emergency-backup"] = draft.plan()


SCENES: dict[str, tuple[Callable[[IncidentController, Stage], None], tuple[str, ...]]] = {
    "unmet": (unmet, ()),
    "unmet-reason": (unmet, ("enter",)),
    "undo": (frozen, ("slash", *"freeze dep", "enter", "minus", *"too soon", "enter")),
    "destroy": (destroys, ("enter", "pagedown", "tab", *"arp")),
    "help-in-dialog": (lambda session, stage: None, ("exclamation_mark", "f1")),
}


@pytest.mark.parametrize("name", SCENES)
async def test_scene_is_the_golden(session: IncidentController, stage: Stage, golden, name: str) -> None:
    prepare, keys = SCENES[name]
    prepare(session, stage)
    async with opened(session, SIZES["200x60"]) as pilot:
        await press(pilot, *keys)
        await at_sizes(pilot, golden, name)


async def test_wrong_name_in_the_smallest_terminal_is_the_golden(
    session: IncidentController, stage: Stage, golden
) -> None:
    """What goes, what it frees and where the name is typed stay in view, with the refusal as well."""
    destroys(session, stage)
    async with opened(session, SIZES["60x15"]) as pilot:
        await press(pilot, "enter")
        await resize(pilot, (30, 8))
        golden(pilot, "destroy-30x8")
        await resize(pilot, SIZES["60x15"])
        await press(pilot, "tab", *"arp", "enter")
        golden(pilot, "destroy-refused-60x15")
        await resize(pilot, (30, 8))
        golden(pilot, "destroy-refused-30x8")


async def test_panel_page_is_the_golden(session: IncidentController, golden) -> None:
    """A panel on its own page: what is known of each row, and its figure over the last hour."""
    async with opened(session, SIZES["200x60"]) as pilot:
        remember(pilot, session)
        await press(pilot, "1")
        await at_sizes(pilot, golden, "panel")


async def test_panel_page_in_ascii_is_the_golden(session: IncidentController, golden) -> None:
    async with opened(session, SIZES["80x24"], ascii=True) as pilot:
        remember(pilot, session)
        await press(pilot, "1", "right", "left")
        assert grid(pilot).isascii()
        golden(pilot, "panel-80x24-ascii")


def remember(pilot: Pilots, session: IncidentController) -> None:
    """The disk has filled over the last hour."""
    screen = pilot.app.screen
    assert isinstance(screen, IncidentScreen)
    row, *others = ROWS["disk"]
    for minute in range(60, -1, -1):
        at = session.clock.now() - timedelta(minutes=minute)
        screen.take_reading(
            Reading("disk", at, (replace(row, number=96.0 - minute * 0.35 - minute % 7 * 0.2), *others))
        )
