"""Obstacles in a database that would block or break a migration, found by a few read-only queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError
from midwatch.system.units import duration, first_few
from probes.postgres.client_errors import server_reason
from probes.postgres.connect import connect
from probes.postgres.dump_readiness import readiness_of
from probes.postgres.routes import login_route, password_file

if TYPE_CHECKING:
    from probes.postgres.connect import Connection

_LONG = """
SELECT pid, usename, coalesce(nullif(application_name, ''), 'unnamed'),
    extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity
WHERE xact_start < clock_timestamp() - make_interval(secs => %s) AND pid <> pg_backend_pid()
AND backend_type = 'client backend' AND datname = current_database()
ORDER BY xact_start
"""
_WAITING = "SELECT DISTINCT pid, pg_blocking_pids(pid) FROM pg_locks WHERE NOT granted AND pid IS NOT NULL ORDER BY pid"
_PREPARED = "SELECT gid, owner FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared"
_INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid OR NOT indisready ORDER BY 1"
_LOST = """
SELECT e.extname FROM pg_extension e LEFT JOIN pg_available_extensions a ON a.name = e.extname
WHERE a.name IS NULL ORDER BY 1
"""
_OUTDATED = """
SELECT name, installed_version, default_version FROM pg_available_extensions
WHERE installed_version IS NOT NULL AND installed_version <> default_version ORDER BY 1
"""
_INSTALLED = "SELECT extname, extversion FROM pg_extension"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: whether it stands in the way, and the figures. Foreign names in it are not
    cleaned."""

    name: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"[{'OK' if self.ok else 'FAIL'}] {self.name}: {self.text}"


def readiness(runbook: Runbook, target: Target, longest: float) -> list[Finding]:
    """What stands in the way of a migration of this target, logged in as its own user over TCP.

    `longest` is the age in seconds from which a transaction counts as long. A target that does not answer is one
    finding that says why; nothing is raised.
    """
    try:
        with connect(login_route(target), pgpass=password_file(runbook), statement=5.0) as connection:
            return _findings(connection, target, longest)
    except MidwatchError as error:
        return [Finding(f"{target.label} answers", False, str(error))]


def _findings(connection: Connection, target: Target, longest: float) -> list[Finding]:
    import psycopg

    label, version = target.label, connection.info.parameter_status("server_version") or "?"
    found = [Finding(f"{label} answers", True, f"PostgreSQL {version}")]
    if target.version:
        found.append(Finding(f"{label} runs PostgreSQL {target.version}", _fits(version, target.version), version))
    looks: list[tuple[str, Callable[[Connection], str]]] = [
        ("takes writes", _writes),
        (f"has no transaction older than {duration(longest)}", lambda c: _long(c, longest)),
        ("has nobody waiting for a lock", _waiting),
        ("has no prepared transaction", lambda c: _named(c, _PREPARED)),
        ("has no invalid index", lambda c: _named(c, _INVALID)),
        ("has every extension's files", lambda c: _named(c, _LOST)),
        ("has no outdated extension", _outdated),
        (f"can be dumped by {target.user}", _dumpable),
    ]
    if target.extensions:
        looks.append(("has the extensions that are expected", lambda c: _extensions(c, target.extensions)))
    for name, look in looks:
        try:
            against = look(connection)
        except psycopg.Error as error:
            against = f"cannot be told: {server_reason(error)}"
        except MidwatchError as error:
            against = f"cannot be told: {error.sentence}"
        found.append(Finding(f"{label} {name}", not against, against or "yes"))
    return found


def _writes(connection: Connection) -> str:
    row = connection.execute("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')").fetchone()
    if row is None or row[0]:
        return "it is a standby"
    return "default_transaction_read_only is on" if row[1] == "on" else ""


def _long(connection: Connection, longest: float) -> str:
    rows = connection.execute(_LONG, (longest,)).fetchall()
    told = (f"pid {pid}, {user}, {application}, {duration(age)}" for pid, user, application, age in rows)
    return first_few(told, between="; ")


def _waiting(connection: Connection) -> str:
    rows = connection.execute(_WAITING).fetchall()
    told = (f"pid {pid} waits for {first_few(map(str, blockers)) or 'nobody known'}" for pid, blockers in rows)
    return first_few(told, between="; ")


def _dumpable(connection: Connection) -> str:
    return first_few(map(str, readiness_of(connection).obstacles), between="; ")


def _fits(version: str, wanted: str) -> bool:
    """Whether `15.8 (Debian 15.8-1)` is the `15` or the `15.8` that is wanted."""
    number = version.split()[0]
    return number == wanted or number.startswith(f"{wanted}.")


def _outdated(connection: Connection) -> str:
    rows = connection.execute(_OUTDATED).fetchall()
    return first_few(
        f"{name} {has}, the server brings {brings} (ALTER EXTENSION … UPDATE)" for name, has, brings in rows
    )


def _extensions(connection: Connection, wanted: Sequence[str]) -> str:
    rows: dict[str, str] = dict(connection.execute(_INSTALLED).fetchall())
    lacking = []
    for one in wanted:
        name, _, version = one.partition(" ")
        if name not in rows:
            lacking.append(f"{name} is missing")
        elif version.strip() and not _fits(rows[name], version.strip()):
            lacking.append(f"{name} is {rows[name]}, not {version.strip()}")
    return first_few(lacking)


def _named(connection: Connection, query: str) -> str:
    rows = connection.execute(query).fetchall()
    return first_few(" of ".join(str(part) for part in row) for row in rows)
