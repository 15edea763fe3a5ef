"""What a superuser can say about a role: the server tells a client that is refused nothing but that it is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from midwatch.errors import Failed
from probes.postgres.connect import Route, connect

ITERATIONS = 4096
"""What the server itself uses by default (`scram_iterations`)."""
QUIET = """
SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic'; SET log_duration = off
"""
"""So that no statement of this session reaches the server's log, whatever that logs otherwise."""
_ROLE = """
SELECT json_build_object('login', rolcanlogin, 'limit', rolconnlimit, 'super', rolsuper, 'password', rolpassword,
    'expired', coalesce(rolvaliduntil < now(), false), 'until', rolvaliduntil,
    'sessions', (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname))
FROM pg_authid WHERE rolname = {name}
"""


@dataclass(frozen=True, slots=True)
class Role:
    """A role as the server keeps it."""

    name: str
    may_login: bool
    expired: bool
    until: str
    limit: int
    sessions: int
    verifier: str
    """What the server keeps instead of the password; empty when it has none. As secret as a password."""

    @property
    def obstacle(self) -> str:
        """Why no password at all would let it in; empty when one would."""
        if not self.may_login:
            return f"{self.name} may not log in at all (NOLOGIN)"
        if self.expired:
            return f"the password of {self.name} expired at {self.until} (VALID UNTIL), and so would a new one"
        if 0 <= self.limit <= self.sessions:
            return f"{self.name} has {self.sessions} sessions of {self.limit} that it may have (CONNECTION LIMIT)"
        return ""


def read_role(route: Route, name: str) -> Role | None:
    """The role, seen by the superuser; None when there is none of this name."""
    answer = run_quietly(route, _ROLE.format(name=literal(name)))
    if not answer.strip():
        return None
    data: dict[str, Any] = json.loads(answer)
    return Role(
        name, data["login"], data["expired"], str(data["until"]), data["limit"], data["sessions"], data["password"] or ""
    )


def set_verifier(route: Route, name: str, verifier_text: str) -> None:
    """Give the role this verifier (or none, when empty). Nothing of it reaches the server's log."""
    value = literal(verifier_text) if verifier_text else "NULL"
    run_quietly(route, f"ALTER ROLE {identifier(name)} PASSWORD {value}")


def run_quietly(route: Route, statement: str, *, limit: float = 30.0) -> str:
    """Run one statement as the superuser, unlogged, within `limit` seconds; the first column of its first row as text.

    The statement reaches `psql` inside a container through its standard input. Errors (`Failed`) never quote it.
    """
    if route.kind == "exec":
        return _inside(route, statement, limit)
    import psycopg

    with connect(route, statement=limit) as connection:
        try:
            connection.execute(QUIET)
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
        except psycopg.Error as error:
            said = error.diag.message_primary or type(error).__name__
            raise Failed(f"{route.label} refused the superuser's statement: {said}") from None
    if row is None:
        return ""
    return row[0] if isinstance(row[0], str) else json.dumps(row[0])


def _inside(route: Route, statement: str, limit: float) -> str:
    from probes.container_input import feed
    from probes.docker_engine import engine

    argv = ("psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-p", str(route.port), "-U", route.user, "-d", route.database, "-f", "-")
    with engine(limit) as client:
        said = feed(client, route.container, *argv, data=f"{QUIET};\n{statement};\n".encode())
    if said.exit:
        last = said.err.strip().splitlines()[-1:] or ["no reason was given"]
        raise Failed(f"{route.label} refused the superuser's statement: {last[0].rpartition('ERROR:')[2].strip()}")
    return said.out.strip()


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


def sealed_name(target: str, role: str) -> str:
    """The name of a file that keeps a former verifier: which, and when it was replaced."""
    plain = "".join(char if char.isalnum() or char in "-_" else "_" for char in f"{target}.{role}".replace(".", "-"))
    return f"{plain}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.verifier"
