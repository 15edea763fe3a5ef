"""A step in a folder of its own, ended when the test is over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import Step, until

from midwatch.supervisor.watch import Running, look


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    made = Step(tmp_path / "attempt")
    yield made
    found = look(made.folder)
    if isinstance(found, Running):
        os.kill(found.step_pid, 9)
        os.kill(found.supervisor.pid, 9)
        until(lambda: not found.supervisor.alive)
