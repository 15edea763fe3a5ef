"""The activity of a server, read with the application's login: version, connections, longest transaction, waiters."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed
from probes.postgres.client_errors import server_reason
from probes.postgres.connect import connect
from probes.postgres.routes import login_route, password_file

_QUERY = """
SELECT current_setting('server_version'), pg_is_in_recovery(), pg_database_size(current_database()),
    count(*) FILTER (WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
    coalesce(extract(epoch FROM max(now() - xact_start) FILTER (WHERE pid <> pg_backend_pid())), 0)::float8,
    count(*) FILTER (WHERE wait_event_type = 'Lock'),
    (SELECT count(*) FROM pg_stat_replication),
    (SELECT extract(epoch FROM max(replay_lag))::float8 FROM pg_stat_replication),
    CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 END,
    current_setting('max_connections')::int
FROM pg_stat_activity
"""


@dataclass(frozen=True, slots=True)
class Activity:
    """What the server said."""

    version: str
    in_recovery: bool
    size: int
    """Bytes of the target's database."""
    connections: int
    """Of clients, ours not counted."""
    longest: float
    """Seconds of the oldest open transaction that this login may see."""
    waiting: int
    """Sessions that wait for a lock."""
    used_password: bool
    replicas: int = 0
    """Standbys that stream from this server."""
    lag: float | None = None
    """Seconds that the slowest standby, or this one, is behind; None where there is none or this login may not see
    it."""
    most: int = 0
    """Connections that the server takes."""


def read_activity(runbook: Runbook, target: Target) -> Activity:
    """Log in as the application does, and ask. Ends within about ten seconds. Raises `MidwatchError`."""
    route = login_route(target)
    with connect(route, pgpass=password_file(runbook), timeout=3.0, statement=5.0) as connection:
        import psycopg

        try:
            row = connection.execute(_QUERY).fetchone()
        except psycopg.Error as error:
            raise Failed(f"{target.label} took the login but not the query: {server_reason(error)}") from error
        assert row is not None
        version, recovery, size, connections, longest, waiting, replicas, lag, behind, most = row
        short, proved = str(version).split()[0], bool(connection.pgconn.used_password)
        late = behind if recovery else lag
        return Activity(short, recovery, size, connections, longest, waiting, proved, replicas, late, most)
