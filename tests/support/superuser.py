"""The superuser of a server of the tests, for what only the superuser may do."""

from __future__ import annotations

import psycopg

from midwatch.runbook.targets import Target
from probes.postgres.connect import Connection


def superuser(target: Target, database: str = "postgres") -> Connection:
    """The superuser over the socket."""
    return psycopg.connect(host=target.socket, port=target.port, user="postgres", dbname=database, autocommit=True)
