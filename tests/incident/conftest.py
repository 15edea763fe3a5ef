"""The folder of an incident whose journal was begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    folder = IncidentFolder(tmp_path / "INC-20261123-0200-x")
    folder.path.mkdir()
    Journal.create(folder.journal, actor="ada@test", clock=SystemClock()).close()
    return folder
