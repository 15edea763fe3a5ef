"""How many examples Hypothesis draws: all of them in `make test-full`, a third in `make test`."""

from __future__ import annotations

import os

_ALL = os.environ.get("MIDWATCH_EXAMPLES") == "all"
_LEAST = 10


def examples(number: int) -> int:
    """The examples of a property that draws `number` of them in full."""
    return number if _ALL else max(number // 3, min(number, _LEAST))
