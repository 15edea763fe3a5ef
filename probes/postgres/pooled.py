"""A connection through a pooler such as PgBouncer, which takes no settings when a session starts.

A pooler may lend the server's session to somebody else after each transaction, so no setting is left behind in it: the
time limit of a statement is kept on this side.
"""

from __future__ import annotations

import threading
from typing import Any

import psycopg

_CANCEL_S = 5.0
"""Seconds that a request to cancel may take."""


class PooledConnection(psycopg.Connection[tuple[Any, ...]]):
    """Cancels each statement that takes longer than `limit_s` seconds; 0 is no limit."""

    limit_s = 0.0

    def execute(self, query: Any, params: Any = None, **given: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement within the limit. Raises `psycopg.Error` as usual, also when it was cancelled."""
        limit = threading.Timer(self.limit_s, self.cancel_safe, kwargs={"timeout": _CANCEL_S})
        limit.daemon = True
        if self.limit_s:
            limit.start()
        try:
            return super().execute(query, params, **given)
        finally:
            limit.cancel()
