"""Two people at one incident: as root with two real users in one group, otherwise as two screens of the same user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from tests.support.people import (
    HER,
)
from tests.support.two_user_place import place, users

__all__ = ["place", "users"]  # fixtures


@pytest.fixture
def runbook(place: Path) -> Runbook:
    return load(place / "runbook.yaml")


@pytest.fixture
def controller(runbook: Runbook, monkeypatch: pytest.MonkeyPatch, place: Path) -> Iterator[IncidentController]:
    """Driven by her."""
    monkeypatch.chdir(place)
    controller = IncidentController.declare(runbook, actor=HER)
    yield controller
    controller.leave()
