"""Candidate passwords from the usual places. Each candidate is tested by a login that requires a password."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actions.credentials.pgpass import Login, held, is_text
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown
from midwatch.system.mounts import require_answer
from midwatch.system.trusted_files import read_regular
from probes.postgres.connect import AuthenticationFailed, Route, connect
from probes.postgres.routes import password_file

_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A password and where it was found; the password never leaves the process in words."""

    source: str
    password: str

    def __repr__(self) -> str:
        return f"Candidate({self.source})"


def candidates(runbook: Runbook, target: Target, route: Route) -> Iterator[Candidate]:
    """Each different password once: of the container, of secret files, of `.pgpass`.

    What cannot be read holds none, and what is not UTF-8 text is none.
    """
    seen: set[str] = set()
    for found in _all(runbook, target, route):
        if found.password and is_text(found.password) and found.password not in seen:
            seen.add(found.password)
            yield found


def _all(runbook: Runbook, target: Target, route: Route) -> Iterator[Candidate]:
    if target.kind is TargetKind.DOCKER:
        yield from _container(target)
    if target.password_file:
        try:
            require_answer(runbook.resolve(target.password_file))
            text = read_regular(runbook.resolve(target.password_file), limit_bytes=_LIMIT_BYTES).decode("utf-8")
        except (OSError, Failed, OutcomeUnknown, UnicodeDecodeError):
            text = ""
        yield Candidate(Path(target.password_file).name, text.strip("\r\n"))
        yield Candidate(Path(target.password_file).name, text.strip())
    for found in held(password_file(runbook), login_of(route)):
        yield Candidate(f".pgpass, {found.how}" if found.how else ".pgpass", found.password)


def _container(target: Target) -> Iterator[Candidate]:
    """What the container was started with, and the secret files it was given."""
    from probes.containers.client import engine, named_container
    from probes.containers.command import run_in

    try:
        with engine() as client:
            found = named_container(client, target.container)
            environment = dict(entry.partition("=")[::2] for entry in found["Config"].get("Env") or ())
            for name in ("POSTGRES_PASSWORD", "PGPASSWORD"):
                yield Candidate(f"the container's {name}", environment.get(name, ""))
            files = [
                environment.get("POSTGRES_PASSWORD_FILE", ""),
                f"/run/secrets/{target.user}_password",
                "/run/secrets/postgres_password",
            ]
            for file in filter(None, files):
                said = run_in(client, target.container, "cat", "--", file)
                if said.exit == 0:
                    yield Candidate(f"the container's {file}", said.out.strip("\r\n"))
    except MidwatchError:
        return


def login_of(route: Route) -> Login:
    """What a line of `.pgpass` has to match for this way in."""
    return Login(route.host, route.port, route.database, route.user)


def works(route: Route, password: str) -> bool:
    """Whether the server lets this login in *because of* this password. Raises when it does not answer.

    A server that trusts whoever comes lets rubbish in as well; that proves nothing and counts as False.
    """
    try:
        with connect(route, password=password) as connection:
            return bool(connection.pgconn.used_password)
    except AuthenticationFailed:
        return False
