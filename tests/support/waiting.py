"""The wait of all tests: for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
"""Long enough for a machine that does much else. Only a test that fails waits that long."""


def wait_for(condition: Callable[[], object], what: str = "it", *, seconds: float = PATIENCE_S) -> None:
    """Return once the condition holds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about in {seconds:g} s"
        time.sleep(0.02)
