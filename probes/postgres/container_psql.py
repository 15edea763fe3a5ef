"""Runs a script of SQL by the `psql` inside of a server's container."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.containers.command import Said
    from probes.postgres.connect import Route


def run_psql_inside(route: Route, script: str, *, limit_s: float) -> Said:
    """What `psql` printed for this script, which reaches it on its standard input and stops at the first error.

    `limit_s` is the time for one answer of the engine. Raises `Failed` as `feed` does; an error of SQL shows in `exit`.
    """
    from probes.containers.client import engine
    from probes.containers.command_input import feed
    from probes.postgres.connect import same_server_sql
    from probes.postgres.conninfo import conninfo_of

    database = conninfo_of(route.database)
    options = ("-XAtqw", "-v", "ON_ERROR_STOP=1", "-p", str(route.port), "-U", route.user, "-d", database)
    with engine(limit_s) as client:
        data = f"{same_server_sql(route)};\n{script}".encode()
        return feed(client, route.container, "psql", *options, "-f", "-", data=data, options=route.options)
