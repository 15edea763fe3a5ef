"""Logins of the tests of PostgreSQL, and what a client said."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from tests.support.listening_server import Listening

PASSWORD = "arp-app-password"


MakeContext = Callable[[Mapping[str, Target]], Context]


def said(context: Context) -> str:
    """All that an action said."""
    assert isinstance(context.console, Listening)
    return "\n".join(context.console.said)
