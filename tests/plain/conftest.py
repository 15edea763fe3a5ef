"""Nothing that a test began goes on after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.plain_lines import RUNBOOK, Begin, Talk
from tests.support.pty_child import end_child


@pytest.fixture
def begin(here: Path) -> Iterator[Begin]:
    """Opens a session in the empty folder."""
    talks: list[Talk] = []

    def open_one(*arguments: str, term: str = "dumb", runbook: str = RUNBOOK) -> Talk:
        talks.append(Talk(here, *arguments, term=term, runbook=runbook))
        return talks[-1]

    yield open_one
    (here / "hold").unlink(missing_ok=True)
    for talk in talks:
        end_child(talk.child)
