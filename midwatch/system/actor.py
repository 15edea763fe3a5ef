"""The name of the acting person in the journal."""

from __future__ import annotations

import socket

from midwatch.system.identity import Identity


def current_actor() -> str:
    """`ada@bastion`: the login that owns the session, also under sudo; the uid's own name where there is no login."""
    return f"{Identity.current().name}@{socket.gethostname().partition('.')[0]}"


def login(actor: str) -> str:
    """The person without the machine: `ada` of `ada@bastion`."""
    return actor.partition("@")[0]
