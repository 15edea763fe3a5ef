"""An incident with a step for two people, in a folder that every user may enter and read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load

RUNBOOK = """\
midwatch: 1
id: pair
title: Takes two
severity: SEV-2
phases:
  - title: All of it
    steps:
      - {id: burn, title: Burn it, run: echo burnt, risk: destroy, requires_approval: true}
"""


@pytest.fixture
def driven(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IncidentController]:
    """An incident in a folder that every user may enter and read."""
    monkeypatch.chdir(reachable)
    book = reachable / "runbook.yaml"
    book.write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(book), actor="ada@test")
    for path in (controller.folder.path, *controller.folder.path.parents[:2]):
        path.chmod(0o755)
    for path in controller.folder.path.iterdir():
        if not stat.S_ISSOCK(path.stat().st_mode):
            path.chmod(0o755 if path.is_dir() else 0o644)
    yield controller
    controller.leave()
