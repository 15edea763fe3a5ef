"""Figures of a server that foretell an outage: connections, idle transactions, transaction ids, slots, the archiver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed, MidwatchError, Refused
from probes.postgres.connect import Route
from probes.postgres.role import run_quietly
from probes.postgres.routes import password_route, superuser_route

_LIMIT_S = 10.0
_FIGURES = """
SELECT json_build_object(
    'connections', (SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND
        CASE WHEN backend_type IS NULL THEN datid IS NOT NULL ELSE backend_type = 'client backend' END),
    'most', current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0),
    'idle', (SELECT json_build_object('for', extract(epoch FROM now() - state_change)::float8, 'user', usename,
            'application', application_name, 'pid', pid)
        FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' ORDER BY state_change LIMIT 1),
    'sees_all', pg_has_role('pg_read_all_stats', 'USAGE'),
    'xid', (SELECT json_build_object('share', greatest(age(datfrozenxid), mxid_age(datminmxid)) * 100.0 / 2147483648,
            'database', datname)
        FROM pg_database ORDER BY greatest(age(datfrozenxid), mxid_age(datminmxid)) DESC LIMIT 1),
    'slots', (SELECT coalesce(json_agg(json_build_array(slot_name, coalesce(pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), 0)
            ::bigint) ORDER BY slot_name), '[]')
        FROM pg_replication_slots WHERE NOT active),
    'archiver', (SELECT json_build_object('failures', failed_count, 'file', last_failed_wal, 'fails',
            coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false))
        FROM pg_stat_archiver WHERE current_setting('archive_mode') <> 'off'),
    'counts_ready', has_function_privilege('pg_ls_archive_statusdir()', 'EXECUTE'))
"""
_READY = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"


@dataclass(frozen=True, slots=True)
class IdleTransaction:
    """The session that is idle in its transaction for the longest time. User and application are foreign text."""

    age: float
    """Seconds since its last statement ended."""
    user: str
    application: str
    pid: int

    def __str__(self) -> str:
        return f"{self.user}, {self.application or 'unnamed'}, pid {self.pid}"


@dataclass(frozen=True, slots=True)
class Archiver:
    """What `pg_stat_archiver` says, where the server archives."""

    fails: bool
    """Whether the last attempt failed."""
    failures: int
    """Since the statistics were reset."""
    file: str
    """The file of the last attempt that failed."""
    ready: int | None
    """WAL files that wait for the archiver; None when this login may not count them."""


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """What the server said."""

    connections: int
    """Of clients, ours not counted."""
    most: int
    """Connections for clients that hold no reserved ones."""
    idle: IdleTransaction | None
    sees_all: bool
    """Whether this login sees what the sessions of others do."""
    xid_percent: float
    """The oldest database's age in transaction ids or multixact ids, as a share of those that can be in use."""
    xid_database: str
    slots: dict[str, int]
    """Inactive replication slots, each with the bytes of WAL that it keeps."""
    archiver: Archiver | None


def read_server_health(runbook: Runbook, target: Target) -> ServerHealth:
    """Ask by the target's own login, and by the superuser where that login may not see all, or is not let in.

    Raises:
        TooManyConnections: The server takes neither.
        MidwatchError: The server cannot be asked.
    """
    try:
        route = password_route(runbook, target)
        found = _ask(route)
    except MidwatchError as error:
        try:
            route = superuser_route(runbook, target)
        except Refused:
            raise error from None
        return _health(route, _ask(route))
    if not (found["sees_all"] and found["counts_ready"]):
        try:
            route = superuser_route(runbook, target)
            found = _ask(route)
        except (Refused, Failed):
            pass
    return _health(route, found)


def _ask(route: Route) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run_quietly(route, _FIGURES, limit=_LIMIT_S))
    return answer


def _health(route: Route, found: dict[str, Any]) -> ServerHealth:
    idle, archiver = found["idle"], found["archiver"]
    if archiver is not None:
        ready = int(run_quietly(route, _READY, limit=_LIMIT_S)) if found["counts_ready"] else None
        archiver = Archiver(archiver["fails"], archiver["failures"], archiver["file"] or "", ready)
    return ServerHealth(
        found["connections"],
        max(1, found["most"]),
        IdleTransaction(idle["for"], idle["user"] or "?", idle["application"] or "", idle["pid"]) if idle else None,
        found["sees_all"],
        found["xid"]["share"],
        found["xid"]["database"],
        dict(found["slots"]),
        archiver,
    )
