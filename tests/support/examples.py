"""How many examples a property tries: all of them in `make test-full`, a third in `make test`."""

from __future__ import annotations

import os

_ALL = os.environ.get("MIDWATCH_EXAMPLES") == "all"
_LEAST = 10
STRIDE = 1 if _ALL else 3
"""From one case to the next, where a property counts its cases instead of drawing them."""


def examples(number: int) -> int:
    """The examples of a property that draws `number` of them in full."""
    return number if _ALL else max(number // 3, min(number, _LEAST))
