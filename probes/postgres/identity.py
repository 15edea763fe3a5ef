"""The identity of a target's server: its `system_identifier` and its role, read over every available route."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from midwatch.api.plan import UNKNOWN
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError
from probes.postgres.connect import Route, connect
from probes.postgres.role import run_quietly
from probes.postgres.routes import login_route, password_file, superuser_route

_QUERY = """
SELECT system_identifier::text || ' ' || CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END
FROM pg_control_system()
"""
_MAINTENANCE = "postgres"
"""The database that is asked where the target's own is gone."""
_PATIENCE_S = 5.0
"""Seconds after which no further way is tried: a server that answers nobody is not waited for again and again."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """A server, as its own words have it."""

    system_identifier: str = UNKNOWN
    role: str = UNKNOWN
    container: str = ""
    """The id of its container; empty for a server that is not in one."""
    problem: str = ""
    """Why the identity is not known, or cannot be relied on."""
    divided: bool = False
    """Whether the ways to this target lead to different servers."""

    @property
    def is_known(self) -> bool:
        """Whether the system identifier could be read."""
        return self.system_identifier != UNKNOWN


def read_identity(runbook: Runbook, target: Target) -> ServerIdentity:
    """Ask as the superuser, and as the application. An identity that nobody can ask for is unknown; nothing is
    raised."""
    container = container_id(target) if target.kind is TargetKind.DOCKER else ""
    began, found, why = time.monotonic(), "", ""
    for database in dict.fromkeys((target.database, _MAINTENANCE)):
        try:
            found = run_quietly(superuser_route(runbook, replace(target, database=database)), _QUERY, limit=_PATIENCE_S)
            break
        except MidwatchError as error:
            why = why or error.sentence
        if time.monotonic() - began > _PATIENCE_S:
            break
    login = _by_login(runbook, target) if time.monotonic() - began <= _PATIENCE_S else ""
    identifier, _, role = (found or login).partition(" ")
    if not identifier:
        return ServerIdentity(container=container, problem=why)
    if login and login.split()[0] != identifier:
        both = f"the superuser's way leads to the server {identifier}, the application's to {login.split()[0]}"
        return ServerIdentity(container=container, problem=both, divided=True)
    return ServerIdentity(identifier, role, container)


def container_id(target: Target) -> str:
    """The id of the target's container; `unknown` when Docker does not say."""
    from probes.containers.client import engine, named_container

    try:
        with engine() as client:
            return str(named_container(client, target.container)["Id"])
    except Failed:
        return UNKNOWN


def _by_login(runbook: Runbook, target: Target) -> str:
    """What the server says to the application's login; empty where that is refused."""
    try:
        route: Route = login_route(target)
        with connect(route, pgpass=password_file(runbook), timeout=3.0, statement=_PATIENCE_S) as connection:
            row = connection.execute(_QUERY.encode()).fetchone()
    except MidwatchError:
        return ""
    except Exception as error:  # psycopg is imported where it is used
        import psycopg

        if isinstance(error, psycopg.Error):
            return ""
        raise
    return str(row[0]) if row else ""
