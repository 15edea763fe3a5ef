"""The attributes of a role, read by a superuser, which explain a refused login."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from midwatch.system.errors import Failed
from probes.postgres.client_errors import ClientErrors, server_reason
from probes.postgres.connect import Route, connect, is_pooled, same_server_sql
from probes.postgres.container_psql import run_psql_inside

ITERATIONS = 4096
"""What the server itself uses by default (`scram_iterations`)."""
QUIET = """
SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic'; SET
    log_duration = off;
DO $$ BEGIN PERFORM set_config(name, CASE vartype WHEN 'bool' THEN 'off' WHEN 'integer' THEN '-1' WHEN 'real' THEN '0'
    ELSE 'none' END, false) FROM pg_settings WHERE name IN ('log_min_duration_sample', 'log_transaction_sample_rate',
    'debug_print_parse', 'debug_print_raw_parse', 'debug_print_rewritten', 'debug_print_plan',
        'pg_stat_statements.track',
    'pgaudit.log');
    PERFORM set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'; END $$
"""
"""So that no statement of this session reaches the server's log or its statistics, whatever they keep otherwise.

What only some versions or modules have is switched off where it is there; so is a limit that would end a long
transaction.
"""
_QUIET_LOCAL = QUIET.replace("SET log", "SET LOCAL log").replace("false)", "true)")
"""The same for one transaction."""
_ROLE = """
SELECT json_build_object('login', rolcanlogin, 'limit', rolconnlimit, 'super', rolsuper, 'password', rolpassword,
    'expired', coalesce(rolvaliduntil < now(), false), 'until', rolvaliduntil,
    'sessions', (SELECT coalesce(json_agg(json_build_object('pid', pid, 'application', application_name, 'state', state,
        'client', coalesce(host(client_addr), 'the local socket'), 'database', datname,
        'replication', backend_type = 'walsender',
        'since', to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) ORDER BY backend_start), '[]')
        FROM pg_stat_activity WHERE usename = rolname AND pid <> pg_backend_pid()))
FROM pg_authid WHERE rolname = {name}
"""
_END = "midwatch: this is the whole answer"
_KEPT = "SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = {name}"


@dataclass(frozen=True, slots=True)
class Session:
    """One open session. Application and database are foreign text."""

    pid: int
    application: str
    client: str
    database: str
    state: str
    since: str
    """UTC."""
    replication: bool = False
    """Whether it is a standby or a subscriber that reads the server's log."""

    def __str__(self) -> str:
        name = self.application or "unnamed"
        return f"pid {self.pid}, {name} from {self.client}, since {self.since} UTC, {self.state or 'state unknown'}"


@dataclass(frozen=True, slots=True)
class Role:
    """A role as the server keeps it."""

    name: str
    may_login: bool
    expired: bool
    until: str
    limit: int
    sessions: tuple[Session, ...]
    """Open now, the oldest first; ours is not among them."""
    verifier: str
    """What the server keeps instead of the password; empty when it has none. As secret as a password."""

    @property
    def obstacle(self) -> str:
        """Why no password at all would let it in; empty when one would."""
        if not self.may_login:
            return f"{self.name} may not log in at all (NOLOGIN)"
        if self.expired:
            return f"the password of {self.name} expired at {self.until} (VALID UNTIL), and so would a new one"
        if 0 <= self.limit <= len(self.sessions):
            return f"{self.name} has {len(self.sessions)} sessions of {self.limit} that it may have (CONNECTION LIMIT)"
        return ""

    @property
    def kept(self) -> str:
        """What the server keeps of its password, in words: what a client that is refused is never told."""
        if not self.verifier:
            return f"{self.name} has no password at all: every one is refused"
        if self.verifier.startswith("md5"):
            return "the server keeps an md5 hash, which a server that asks for SCRAM refuses"
        return "the server keeps a SCRAM verifier"


def read_role(route: Route, name: str) -> Role | None:
    """The role, seen by the superuser; None when there is none of this name."""
    answer = run_quietly(route, _ROLE.format(name=literal(name)))
    if not answer.strip():
        return None
    data: dict[str, Any] = json.loads(answer)
    sessions = tuple(Session(**one) for one in data["sessions"])
    return Role(
        name, data["login"], data["expired"], str(data["until"]), data["limit"], sessions, data["password"] or ""
    )


def set_verifier(route: Route, name: str, verifier_text: str) -> None:
    """Give the role this verifier (or none, when empty), and see that it has it. Nothing of it reaches the server's
    log.

    Both in one session: whoever came in with the password that is replaced comes in no second time. Raises `Failed`.
    """
    if run_quietly(route, _change(name, verifier_text), _KEPT.format(name=literal(name))) != verifier_text:
        raise Failed(
            f"{route.label} does not keep the verifier that it was given", hint="Look at the role as the superuser"
        )


def try_verifier(route: Route, name: str, verifier_text: str) -> None:
    """Raise what `set_verifier` would raise for this verifier now; the change itself is rolled back."""
    run_quietly(route, "BEGIN", _change(name, verifier_text), "ROLLBACK")


def _change(name: str, verifier_text: str) -> str:
    return f"ALTER ROLE {identifier(name)} PASSWORD {literal(verifier_text) if verifier_text else 'NULL'}"


def run_quietly(route: Route, *statements: str, limit: float = 30.0) -> str:
    """Run statements in one session, as the superuser unlogged, each within `limit` seconds.

    Returns the first column of the last one's first row as text. They reach `psql` inside a container through its
    standard input. Errors (`Failed`) never quote them.
    """
    if route.kind == "exec":
        return _inside(route, ";\n".join(statements), limit)
    import psycopg

    with connect(route, statement=limit) as connection:
        try:
            if is_pooled(connection):  # all in one session of the server's, in which nothing of it stays
                connection.execute(f"BEGIN; {same_server_sql(route)}".encode())
            if route.superuser:
                connection.execute(_QUIET_LOCAL if is_pooled(connection) else QUIET)
            for statement in statements:
                cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            connection.commit()
        except psycopg.Error as error:
            whose = "the superuser's" if route.superuser else f"{route.user}'s"
            raise Failed(f"{route.label} refused {whose} statement: {server_reason(error)}") from None
    if row is None:
        return ""
    return row[0] if isinstance(row[0], str) else json.dumps(row[0])


def _inside(route: Route, statement: str, limit: float) -> str:
    said = run_psql_inside(route, f"{QUIET};\n{statement};\n\\echo {_END}\n", limit_s=limit)
    if said.exit:
        reason = ClientErrors.of(said.err).first or "no reason was given"
        raise Failed(f"{route.label} refused the superuser's statement: {reason}")
    answer, end, _ = said.out.rpartition(_END)
    if not end:  # a connection that breaks looks like an empty answer, and "no such role" would be a lie
        raise Failed(f"The answer of {route.label} was cut off", hint="Is the engine up?")
    return answer.strip()


def identifier(name: str) -> str:
    """A name as SQL takes it, whatever it is made of."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it; with backslashes in it, in the form that does not depend on a setting."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def verifier(password: str) -> str:
    """The SCRAM-SHA-256 verifier of a password, computed on this side (RFC 5802, RFC 7677; form as in `pg_authid`).

    For passwords of printable ASCII, which SASLprep leaves as they are; others raise `ValueError`.
    """
    if not password or not password.isascii() or not password.isprintable():
        raise ValueError("only printable ASCII needs no SASLprep")
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt_text}${stored_text}:{server_text}"
