"""Every screen at three sizes, in ASCII, and without colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from midwatch.errors import Place
from midwatch.incident.state import CriterionState
from midwatch.plan import PlanDraft, Risk, Verb
from midwatch.probe import Reading
from midwatch.runbook.model import Criterion
from screens.incident import IncidentScreen
from tests.screens.conftest import Pilots, grid, opened, press
from tests.screens.desk import DeskInMemory
from tests.screens.readings import ROWS

PLACE = Place("runbook.yaml", 1, 1)
SIZES = {"60x15": (60, 15), "80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}


@pytest.mark.parametrize("name", SIZES)
async def test_incident(desk: DeskInMemory, golden, name: str) -> None:
    async with opened(desk, SIZES[name]) as pilot:
        golden(pilot, f"incident-{name}")


DIALOGS = {
    "confirm": ("enter",),
    "note": ("n",),
    "note-ran": ("n", "tab", "tab", "right", "right", "tab"),
    "skip": ("s",),
    "tell": ("t",),
    "update": ("u",),
    "severity": ("S",),
    "closure": ("C",),
    "help": ("question_mark",),
    "palette": ("colon", *"note"),
    "incidents": ("i",),
    "timeline": ("j",),
    "timeline-words": ("j", "f", "asterisk"),
    "correct": ("j", "e"),
    "live": ("l",),
    "detail": ("d",),
    "output": ("o",),
    "leave": ("q",),
}


@pytest.mark.parametrize("size", ["60x15", "80x24", "200x60"])
@pytest.mark.parametrize("name", DIALOGS)
async def test_dialog(desk: DeskInMemory, golden, name: str, size: str) -> None:
    async with opened(desk, SIZES[size]) as pilot:
        await press(pilot, *DIALOGS[name])
        golden(pilot, f"{name}-{size}")


def unmet(desk: DeskInMemory) -> None:
    """The emergency backup requires two things, of which one does not hold."""
    required = (
        Criterion("disk", "Disk below 90 %", "disk", {}, PLACE),
        Criterion("quiet", "Nobody migrates", "freeze-status", {}, PLACE),
    )
    phases = tuple(
        replace(
            phase, steps=tuple(replace(s, preconditions=required) if s.id == "emergency-backup" else s for s in phase.steps)
        )
        for phase in desk.runbook.phases
    )
    desk.runbook = replace(desk.runbook, phases=phases)
    desk.criteria["disk"] = CriterionState(False, "backups is 96 % full", desk.clock.now())
    desk.criteria["quiet"] = CriterionState(True, "frozen until 04:00", desk.clock.now())


def frozen(desk: DeskInMemory) -> None:
    """The freeze of a moment ago can be taken back."""
    draft = PlanDraft("freeze", {"mode": "off"})
    draft.add(Verb.REMOVE, "freeze file automation/freeze", note="deployments may go on", kind="file")
    draft.fact("now", "frozen by ada@bastion until 04:00 UTC: backup failure")
    desk.plans["undo freeze-deployments"] = draft.plan()


def destroys(desk: DeskInMemory) -> None:
    """The next step removes more than the dialog has lines for."""
    draft = PlanDraft("clean-backups", {"target": "arp-db-prod"}, confirm_name="arp-db-prod")
    for day in range(1, 15):
        draft.add(
            Verb.REMOVE, f"old/202611{day:02}-020000", size=10_700_000, reversible=False, kind="set", note="arp, gps, otc"
        )
    draft.add(Verb.KEEP, "20261123-020000", size=10_700_000, note="one of the 2 newest good ones of arp")
    draft.fact("disk", "96 % full, 5.8 MB free")
    draft.fact("frees", "150 MB: 96 % → 71 %")
    phases = tuple(
        replace(phase, steps=tuple(replace(s, risk=Risk.DESTROY) if s.id == "emergency-backup" else s for s in phase.steps))
        for phase in desk.runbook.phases
    )
    desk.runbook = replace(desk.runbook, phases=phases)
    desk.plans["emergency-backup"] = draft.plan()


SCENES: dict[str, tuple[Callable[[DeskInMemory], None], tuple[str, ...]]] = {
    "unmet": (unmet, ()),
    "unmet-reason": (unmet, ("enter",)),
    "undo": (frozen, ("slash", *"freeze dep", "enter", "U", *"too soon", "enter")),
    "destroy": (destroys, ("enter", "pagedown", "tab", *"arp")),
    "help-in-dialog": (lambda desk: None, ("S", "f1")),
}


@pytest.mark.parametrize("size", ["80x24", "200x60"])
@pytest.mark.parametrize("name", SCENES)
async def test_scene(desk: DeskInMemory, golden, name: str, size: str) -> None:
    prepare, keys = SCENES[name]
    prepare(desk)
    async with opened(desk, SIZES[size]) as pilot:
        await press(pilot, *keys)
        golden(pilot, f"{name}-{size}")


async def test_a_wrong_name_in_the_smallest_terminal(desk: DeskInMemory, golden) -> None:
    """What goes, what it frees and where the name is typed stay in view, with the refusal as well."""
    destroys(desk)
    async with opened(desk, SIZES["60x15"]) as pilot:
        await press(pilot, "enter", "tab", *"arp", "enter")
        golden(pilot, "destroy-60x15")


@pytest.mark.parametrize("size", ["60x15", "80x24", "200x60"])
async def test_panel(desk: DeskInMemory, golden, size: str) -> None:
    """A panel on its own page: what is known of each row, and its figure over the last hour."""
    async with opened(desk, SIZES[size]) as pilot:
        remember(pilot, desk)
        await press(pilot, "1")
        golden(pilot, f"panel-{size}")


async def test_panel_in_ascii(desk: DeskInMemory, golden) -> None:
    async with opened(desk, SIZES["80x24"], ascii=True) as pilot:
        remember(pilot, desk)
        await press(pilot, "1", "right", "left")
        assert grid(pilot).isascii()
        golden(pilot, "panel-80x24-ascii")


def remember(pilot: Pilots, desk: DeskInMemory) -> None:
    """The disk has filled over the last hour."""
    screen = pilot.app.screen
    assert isinstance(screen, IncidentScreen)
    row, root = ROWS["disk"]
    for minute in range(60, -1, -1):
        at = desk.clock.now() - timedelta(minutes=minute)
        screen._took(Reading("disk", at, (replace(row, number=96.0 - minute * 0.35 - minute % 7 * 0.2), root)))
