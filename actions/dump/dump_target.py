"""The present state of the target of an emergency backup, and the manifest of the result."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError, OutcomeUnknown, Refused
from probes.backup.backup_catalog import backups_of
from probes.postgres.connect import Route, connect
from probes.postgres.dump_readiness import DumpReadiness, dump_readiness
from probes.postgres.routes import password_route, superuser_route
from probes.postgres.tools import Tools, find_tools, pg_dump_inside

_RATIO = 0.45
"""Compressed bytes for each byte of database, when no earlier backup tells better; measured was 0.27."""


@dataclass(frozen=True, slots=True)
class Source:
    """One database, the way into it, and the programs that will be used."""

    target: Target
    route: Route
    server: str
    """Its version: `17.2`."""
    bytes: int
    """Of the database."""
    tools: Tools | None
    """None for the container's own."""
    tool: str
    """Name and version of the `pg_dump` that will be used: `pg_dump 17.2`."""
    ahead: DumpReadiness
    """What the dump will meet."""
    limited: str = ""
    """Why the application's user takes it, and not the superuser; empty when the superuser does."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is not in the dump, in words, since its user may not read it, or a standby does not have it."""
        return (*(self.ahead.left_out if self.limited else ()), *self.ahead.not_here)


def inspect_target(runbook: Runbook, target: Target) -> Source:
    """Find the fastest way in and a `pg_dump`, here or in the container, that is no older than the server.

    Where no superuser gets in, as on a managed server, the application's user takes what it may read. Raises
    `MidwatchError`: `Refused` when there is no way.
    """
    limited = ""
    try:
        route = superuser_route(runbook, target)
    except Refused as error:
        try:
            route = password_route(runbook, target)
            connect(route).close()
        except MidwatchError:
            raise error from None
        limited = error.sentence
    query = "SELECT current_setting('server_version') || ' ' || pg_database_size(current_database())"
    if route.kind == "exec":
        from probes.postgres.role import run_quietly

        said = run_quietly(route, query)
    else:
        with connect(route) as connection:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            said = str(row[0])
    version, count = said.rsplit(" ", 1)
    server = version.split()[0]
    major = int(server.partition(".")[0])
    tools = None if route.kind == "exec" else find_tools(runbook, major)
    tool = str(tools) if tools else pg_dump_inside(route.container, major)
    return Source(target, route, server, int(count), tools, tool, dump_readiness(route), limited)


def expected_size(runbook: Runbook, source: Source) -> int:
    """Bytes that its backup will have, about: those of its last one, or a share of the database."""
    with contextlib.suppress(OSError, OutcomeUnknown):
        for backup in backups_of(runbook, source.target):
            return max(backup.size, 1)
    return int(source.bytes * _RATIO)


def reader_of(runbook: Runbook, source: Source) -> Path | None:
    """The `pg_restore` here that can read its archive; None when there is none."""
    if source.tools is not None:
        return source.tools.pg_restore
    try:
        return find_tools(runbook, int(source.server.partition(".")[0])).pg_restore
    except MidwatchError:
        return None
