"""Every screen at three sizes, in ASCII, and without colours."""

from __future__ import annotations

import pytest

from tests.screens.conftest import opened, press
from tests.screens.desk import DeskInMemory

SIZES = {"60x15": (60, 15), "80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}


@pytest.mark.parametrize("name", SIZES)
async def test_incident(desk: DeskInMemory, golden, name: str) -> None:
    async with opened(desk, SIZES[name]) as pilot:
        golden(pilot, f"incident-{name}")


DIALOGS = {
    "confirm": ("enter",),
    "note": ("n",),
    "skip": ("s",),
    "tell": ("t",),
    "update": ("u",),
    "severity": ("S",),
    "closure": ("C",),
    "help": ("question_mark",),
    "timeline": ("j",),
    "live": ("l",),
    "detail": ("d",),
    "output": ("o",),
    "leave": ("q",),
}


@pytest.mark.parametrize("size", ["60x15", "80x24"])
@pytest.mark.parametrize("name", DIALOGS)
async def test_dialog(desk: DeskInMemory, golden, name: str, size: str) -> None:
    async with opened(desk, SIZES[size]) as pilot:
        await press(pilot, *DIALOGS[name])
        golden(pilot, f"{name}-{size}")
