"""A step in a folder of its own, ended when the test is over."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.supervisor.status import Running, inspect_attempt
from tests.supervisor.supervised import Step
from tests.support.waiting import wait_for


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    made = Step(tmp_path / "attempt")
    yield made
    found = inspect_attempt(made.folder)
    if isinstance(found, Running):
        for pid in (found.step_pid, found.supervisor.pid):
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                os.kill(pid, 9)
        wait_for(lambda: not found.supervisor.alive)
