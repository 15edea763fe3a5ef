"""Routes to a target, fastest first: local socket, TCP with a working password, command inside the container.

For a container the socket is reached through `/proc/PID/root/run/postgresql`, which needs root; `/run`, since
`/var/run` is an absolute link there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError, Refused
from midwatch.system.mounts import require_answer
from probes.postgres.client_errors import ClientErrors
from probes.postgres.connect import NoSuchDatabase, Route, connect, explained, is_pooled
from probes.postgres.conninfo import conninfo_of

RUN = "run/postgresql"
_IN_ENGLISH = "-c lc_messages=C"
"""So that a server's words are known, whatever its language; only a superuser may choose."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a target's server listens, as found now."""

    socket: str = ""
    """Folder of its socket as seen from here; empty when it cannot be seen."""
    host: str = ""
    port: int = 5432
    """Of TCP, as seen from here."""
    inner_port: int = 5432
    """The server's own port, which also names its socket."""
    container: str = ""
    superuser: str = ""
    """What a container was first started with (`POSTGRES_USER`)."""


def find_server(target: Target) -> ServerAddress:
    """Where the target's server listens. Raises `Failed` when its container is not there or not running.

    Where the engine cannot be asked, the address that the runbook gives still leads to the server.
    """
    if target.kind is TargetKind.LOCAL:
        return ServerAddress(target.socket, target.host, target.port, target.port, superuser=target.superuser)
    from probes.containers.client import NoSuchThing, engine, named_container
    from probes.containers.command import require_running_state

    try:
        with engine() as client:
            found = named_container(client, target.container)
    except NoSuchThing:
        raise
    except Failed as error:
        if not target.host:
            hint = f"{error.hint}; or set host and port of the target: then its server is reached without Docker"
            raise Failed(error.sentence, hint=hint) from error
        return ServerAddress("", target.host, target.port, target.port, target.container, target.superuser)
    state = found["State"]
    require_running_state(state, target.container)
    environment = dict(entry.partition("=")[::2] for entry in found["Config"].get("Env") or ())
    inner = int(environment.get("PGPORT") or target.port)
    socket = target.socket or f"/proc/{state['Pid']}/root/{RUN}"
    visible = socket if os.access(Path(socket) / f".s.PGSQL.{inner}", os.R_OK | os.W_OK) else ""
    host, port = (target.host, target.port) if target.host else _address(found, inner)
    return ServerAddress(
        visible, host, port, inner, target.container, target.superuser or environment.get("POSTGRES_USER", "")
    )


def _address(found: Mapping[str, Any], port: int) -> tuple[str, int]:
    """Address and port of the container's server from here: published, the host's own network, or the bridge."""
    network = found["NetworkSettings"]
    published = (network.get("Ports") or {}).get(f"{port}/tcp") or ()
    for binding in published:
        host = binding.get("HostIp") or "127.0.0.1"
        return ("127.0.0.1" if host in ("0.0.0.0", "::") else host), int(binding["HostPort"])  # noqa: S104
    if found["HostConfig"].get("NetworkMode") == "host":
        return "127.0.0.1", port
    for one in (network.get("Networks") or {}).values():
        if one.get("IPAddress"):
            return str(one["IPAddress"]), port
    return "", port


def login_route(target: Target) -> Route:
    """How applications and the nightly job log in: over TCP as the target's user. Raises `Refused` when there is no
    way."""
    place = find_server(target)
    if not place.host:
        raise Refused(
            f"{target.label} has no address to log in to", hint="Publish its port, or set host and port of the target"
        )
    if not target.user:
        raise Refused(f"The target {target.name} names no user to log in as", hint="Set its user in the runbook")
    route = Route("tcp", place.host, place.port, target.user, target.database, target.label, place.container)
    return replace(route, superuser=False, system_identifier=target.confirmed_identifier)


def password_route(runbook: Runbook, target: Target) -> Route:
    """The same with the bastion's `.pgpass`, which a program of PostgreSQL then reads."""
    return replace(login_route(target), passfile=str(password_file(runbook)))


def superuser_route(runbook: Runbook, target: Target) -> Route:
    """The fastest way in as a superuser, tried now. Raises `Refused` that says why each way is shut, and
    `NoSuchDatabase`.

    `pg_hba.conf` is never touched to make one.
    """
    place = find_server(target)
    shut = []
    for way in _ways(target, place):
        route = replace(way, system_identifier=target.confirmed_identifier)
        try:
            return _superuser(runbook, route, target, place)
        except NoSuchDatabase:
            raise
        except MidwatchError as error:
            shut.append(f"{route}: {error.sentence}")
    if target.kind is TargetKind.DOCKER:
        try:
            return replace(_inside(target, place), system_identifier=target.confirmed_identifier)
        except NoSuchDatabase:
            raise
        except MidwatchError as error:
            shut.append(f"inside the container: {error.sentence}")
    reasons = "; ".join(shut) or "the target names neither a socket nor a host"
    raise Refused(
        f"There is no way into {target.label} as a superuser: {reasons}", hint="Ask for the sealed superuser password"
    )


def _ways(target: Target, place: ServerAddress) -> Iterator[Route]:
    if place.socket:
        yield Route("socket", place.socket, place.inner_port, "", target.database, target.label, place.container)
    if place.host:
        yield Route("tcp", place.host, place.port, "", target.database, target.label, place.container)


def _names(target: Target, place: ServerAddress) -> list[str]:
    """Who may be the superuser: as named, as the container was started with, the usual name, the application's."""
    named = [target.superuser] if target.superuser else [place.superuser, "postgres", target.user]
    return list(dict.fromkeys(name for name in named if name))


def _superuser(runbook: Runbook, route: Route, target: Target, place: ServerAddress) -> Route:
    reason: MidwatchError = Refused("no name to try")
    for name in _names(target, place):
        attempt = replace(route, user=name, passfile=str(password_file(runbook)) if route.kind == "tcp" else "")
        try:
            with connect(attempt) as connection:
                row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
                pooled = is_pooled(connection)
                attempt = replace(attempt, pooled=pooled, options="" if pooled else _IN_ENGLISH)
        except NoSuchDatabase:
            raise
        except MidwatchError as error:
            reason = error
            continue
        if row and row[0]:
            return attempt
        reason = Refused(f"{name} is not a superuser")
    raise reason


def _inside(target: Target, place: ServerAddress) -> Route:
    from probes.containers.client import engine
    from probes.containers.command import run_in

    query = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    said = ""
    with engine() as client:
        for name in _names(target, place):
            database = conninfo_of(target.database)
            argv = ("psql", "-XAtqw", "-p", str(place.inner_port), "-U", name, "-d", database, "-c", query)
            answer = run_in(client, target.container, *argv)
            if answer.exit == 0 and answer.out.strip() == "t":
                route = Route("exec", "", place.inner_port, name, target.database, target.label, target.container)
                return replace(route, options=_IN_ENGLISH)
            said = ClientErrors.of(answer.err).first or f"{name} is not a superuser"
    error = explained(Route("exec", "", place.inner_port, "", target.database, target.label, target.container), said)
    raise error if isinstance(error, NoSuchDatabase) else Refused(said)


def password_file(runbook: Runbook) -> Path:
    """The bastion's own `.pgpass`, which libpq reads. Raises `OutcomeUnknown` when its mount does not answer."""
    path = runbook.location_of("pgpass")
    require_answer(path)
    return path
