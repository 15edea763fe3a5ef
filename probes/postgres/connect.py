"""Connections with time limits, so that a hanging server does not block a panel or a step."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown, Refused
from probes.postgres.client_settings import forget_other_servers, require_client_files

if TYPE_CHECKING:
    import psycopg

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
NO_FILE = "/dev/null/no-pgpass"
"""A password file that cannot be there: libpq passes over it without a word, and never takes the user's own instead."""
_TAKES_NO_OPTIONS = "unsupported startup parameter"
"""What PgBouncer says to a client that sets something when it logs in."""
_SAME_SERVER = """
DO $$ DECLARE found text := (SELECT system_identifier FROM pg_control_system()); BEGIN
    IF found <> '{wanted}' THEN
        RAISE EXCEPTION 'another server answers than that of the plan: system identifier % instead of {wanted}', found;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL; END $$
"""
APPLICATION = "midwatch"
"""`application_name` of everything that we do in a server, so that it can be found there and ended."""


class AuthenticationFailed(Failed):
    """The server is there and does not accept this login, or has no such role."""


class TooManyConnections(Failed):
    """The server has no connection left for this login."""


class NoSuchDatabase(Failed):
    """The server has let the login in, and there is no database of this name."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way into a server."""

    kind: Literal["socket", "tcp", "exec"]
    host: str
    """A folder with the server's socket, or an address; empty for `exec`, where only a command in the container reaches
    it."""
    port: int
    user: str
    database: str
    label: str
    """What people call the server: `ARP`."""
    container: str = ""
    passfile: str = ""
    """The `.pgpass` that this way needs; empty when the server lets the user in without a password."""
    options: str = ""
    """Settings of every session that takes this way, as libpq's `options` has them: `-c event_triggers=off`."""
    pooled: bool = False
    """Whether a pooler is known to stand between, which lends its sessions to others."""
    superuser: bool = True
    """Whether its user is the superuser, and not the application's."""
    system_identifier: str = ""
    """The server that each session has to find: two may answer at one address. Empty: any."""

    def __str__(self) -> str:
        if self.kind == "exec":
            return f"inside the container {self.container}"
        pooler = " through a pooler" if self.pooled else ""
        return f"socket {self.host}{pooler}" if self.kind == "socket" else f"TCP {self.host}:{self.port}{pooler}"


def connect(
    route: Route,
    *,
    password: str | None = None,
    pgpass: Path | None = None,
    timeout: float = 5.0,
    statement: float = 30.0,
) -> Connection:
    """Log in; every statement ends within `statement` seconds, and each commits by itself.

    Without `password`, `pgpass` and a password file of the route, none is sent. Raises `AuthenticationFailed`,
    `OutcomeUnknown` when the server or the mount of a file of libpq does not answer, `Refused` where a pooler takes no
    `options` of the route or another server answers than the route's, and `Failed` for the rest.
    """
    import psycopg

    forget_other_servers()
    if route.kind == "tcp":
        require_client_files()
    given: dict[str, Any] = {"password": password} if password is not None else {}
    given |= {
        "passfile": str(pgpass or route.passfile or NO_FILE),
        "host": route.host,
        "hostaddr": "",  # that of the environment would lead elsewhere
        "target_session_attrs": "any",
        "port": route.port,
        "user": route.user,
        "dbname": route.database,
        "connect_timeout": max(2, int(timeout)),  # libpq takes 1 for 2, and 0 for ever
        "application_name": APPLICATION,
        "client_encoding": "UTF8",
        "autocommit": True,
    }
    options = f"-c statement_timeout={int(statement * 1000)} -c idle_in_transaction_session_timeout=0 {route.options}"
    try:
        try:
            return _at_its_server(_connect_within_limits(given | {"options": options}, timeout), route)
        except psycopg.OperationalError as error:
            if _TAKES_NO_OPTIONS not in str(error):
                raise
        require_direct(route, bool(route.options))
        from probes.postgres.pooled import PooledConnection

        pooled = PooledConnection.connect(**given, prepare_threshold=None)
    except psycopg.Error as error:
        raise _refusal(route, str(error), given, timeout) from None  # libpq's own text may quote what it was given
    pooled.limit_s = statement
    return _at_its_server(pooled, route)


def _refusal(route: Route, text: str, given: Mapping[str, Any], timeout: float) -> MidwatchError:
    """Why a login did not come about. Where the server's words are not known, they may be in another language."""
    found = explained(route, text)
    if type(found) is not Failed or ":  " not in text:  # as the server's words begin: `FATAL:  `
        return found
    from probes.postgres.refusal_state import refusal_state

    return explained(route, text, refusal_state(given, timeout))


def _connect_within_limits(given: Mapping[str, Any], timeout: float) -> Connection:
    """Log in. The server counts a session for a moment after its end: a limit of sessions is waited for."""
    import psycopg

    deadline = time.monotonic() + timeout
    while True:
        try:
            return psycopg.connect(**given)
        except psycopg.OperationalError as error:
            if not re.search(r"too many connections for (role|database)", str(error)) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def same_server_sql(route: Route) -> str:
    """A statement that fails where a session of this route is not at the route's server; empty where any will do.

    Who may not ask passes: the superuser could, when the plan was made.
    """
    if not route.system_identifier:
        return ""
    return _SAME_SERVER.format(wanted=int(route.system_identifier))


def _at_its_server(connection: Connection, route: Route) -> Connection:
    import psycopg

    if check := same_server_sql(route):
        try:
            connection.execute(check.encode())
        except psycopg.Error as error:
            connection.close()
            sentence = f"{route.label}: {error.diag.message_primary or error}"
            raise Refused(
                sentence, hint=f"Nothing was done there. Give {route.label} the address of one server"
            ) from None
    return connection


def is_pooled(connection: Connection) -> bool:
    """Whether a pooler stands between: then no setting of the session may be changed outside of a transaction."""
    from probes.postgres.pooled import PooledConnection

    return isinstance(connection, PooledConnection)


def require_direct(route: Route, pooled: bool) -> None:
    """Raise `Refused` for a way through a pooler: sessions of one's own are needed."""
    if pooled:
        sentence = f"{route.label} is reached through a pooler only ({route.host}:{route.port})"
        raise Refused(sentence, hint="Set socket, or host and port, of the target to those of the server itself")


def explained(route: Route, text: str, state: str = "") -> Failed | OutcomeUnknown:
    """What libpq said about a login that did not come about, in one sentence.

    The server tells a client no more than this on purpose; why a login is refused, only a superuser can find out.
    `state` is the SQLSTATE, where the words are in another language.
    """
    said = _last(text)
    if state == "3D000" or re.search(r"database \".*\" does not exist|no such database", said):
        sentence = f"{route.label} answers, and has no database {route.database}"
        return NoSuchDatabase(sentence, hint="Check the target's database in the runbook, or restore it from a backup")
    if re.search(r"role \".*\" does not exist|no such user", said):
        return AuthenticationFailed(f"{route.label}: {said}", hint="Check the user of the target in the runbook")
    if state.startswith("28") or re.search(
        r"authentication failed|no password supplied|no pg_hba.conf entry|not permitted to log in", said
    ):
        return AuthenticationFailed(
            f"{route.label} refuses {route.user}: {said}", hint="Recover the password, or look at pg_hba.conf"
        )
    if re.search(r"timeout expired|timed out", said):
        return OutcomeUnknown(
            f"{route.label} does not answer by {route}", hint="Is the server up, and is its port open from here?"
        )
    if state == "53300" or re.search(
        r"too many (clients|connections)|remaining connection slots|no more connections allowed", said
    ):
        return TooManyConnections(
            f"{route.label} takes no more connections: {said}", hint="End an idle one, or use the superuser's slots"
        )
    if state.startswith("57P") or re.search(r"starting up|shutting down|recovery mode", said):
        return Failed(f"{route.label} is not ready: {said}", hint="Wait for it")
    if state or "FATAL:" in text:
        return Failed(f"{route.label} answers by {route}, and lets nobody in: {said}", hint="Its log may say more")
    return Failed(f"{route.label} cannot be reached by {route}: {said}", hint="Is the server running?")


def _last(text: str) -> str:
    """The server's own words: what follows the last `FATAL:` or the colon of the address."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Multiple")]
    lines = [line for line in lines if "FATAL:" in line] or lines  # libpq may add where a password came from
    line = lines[-1] if lines else "no reason was given"
    for mark in ("FATAL:", "failed:", "error:"):
        if mark in line:
            line = line.rpartition(mark)[2].strip() or line
            break
    if line.startswith("Is the server running") and len(lines) > 1:
        return _last("\n".join(lines[:-1]))
    return line


def client_environment(route: Route, pgpass: Path | None = None) -> dict[str, str]:
    """What `pg_dump` and its kin need to take the same route. Never a password: that stays in the file."""
    options = {"PGOPTIONS": route.options} if route.options else {}
    return {
        **options,
        "PGHOST": route.host,
        "PGPORT": str(route.port),
        "PGUSER": route.user,
        "PGDATABASE": route.database,
        "PGPASSFILE": str(pgpass or route.passfile or NO_FILE),
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": APPLICATION,
        "PGCLIENTENCODING": "UTF8",
    }
