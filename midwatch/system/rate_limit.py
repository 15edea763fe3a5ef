"""A rate limit: a number of requests at once, then a number of requests per second."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_KEYS_AT_MOST = 4096


class RateLimit:
    """Token buckets, one for each key."""

    def __init__(self, *, per_s: float, at_once: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._at_once, self._monotonic = per_s, float(at_once), monotonic
        self._left: dict[Hashable, tuple[float, float]] = {}
        """Tokens, and when they were counted."""

    def admits(self, key: Hashable) -> bool:
        """Whether this key may make a request now. A permitted request is counted."""
        now = self._monotonic()
        tokens, then = self._left.get(key, (self._at_once, now))
        tokens = min(self._at_once, tokens + (now - then) * self._per_s)
        admitted = tokens >= 1
        if len(self._left) >= _KEYS_AT_MOST:  # whoever has not asked for long has a full bucket anyway
            full_s = self._at_once / self._per_s
            self._left = {other: found for other, found in self._left.items() if now - found[1] < full_s}
        self._left[key] = (tokens - 1 if admitted else tokens, now)
        return admitted
