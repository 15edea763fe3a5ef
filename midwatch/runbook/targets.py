"""The databases that steps act on, and what logs in to them, as a runbook or its site file names them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TargetKind(StrEnum):
    """Where a database runs: reached directly by host and port or socket, or in a container."""

    LOCAL = "local"
    DOCKER = "docker"


@dataclass(frozen=True, slots=True)
class ExternalCommand:
    """A command of somebody else's, run without a shell."""

    command: str
    timeout: float = 30.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Dependent:
    """Something that logs in to a target, and stops working when its password changes. Exactly one way to ask it is
    set."""

    name: str
    target: str = ""
    """Another target, whose login has to work: a pooler in front of the server."""
    tcp: str = ""
    """`HOST:PORT` that has to take a connection."""
    command: str = ""
    """Has to exit 0; finds the login in its environment (`PGHOST` …), the password through `PGPASSFILE`."""
    timeout: float = 30.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Target:
    """A database that steps act on."""

    name: str
    kind: TargetKind
    database: str
    label: str
    """What people call it: `ARP`."""
    container: str = ""
    """Exact container name; only for kind `docker`."""
    host: str = ""
    port: int = 5432
    socket: str = ""
    """Folder of the server's Unix socket, as seen from here; where the superuser is let in, if anywhere."""
    user: str = ""
    """The role that applications and the nightly job log in as."""
    superuser: str = ""
    """Empty: discovered."""
    password_file: str = ""
    """A file that may hold the password of `user` (a Docker or Kubernetes secret); read, never written."""
    secret_store: ExternalCommand | None = None
    """Takes a new password of `user` on its standard input."""
    backup_report: ExternalCommand | None = None
    """Lists the backups that another tool makes: pgBackRest, Barman or WAL-G."""
    dependents: tuple[Dependent, ...] = ()
    log: str = ""
    """The server's own log as a file here; empty: the container's output for kind `docker`, else not known."""
    migration_roles: tuple[str, ...] = ()
    """The roles that migrations log in as; read only during a freeze."""
    version: str = ""
    """The PostgreSQL that is expected: `15` or `15.8`; empty for any."""
    extensions: tuple[str, ...] = ()
    """Extensions that are expected: `pg_trgm`, or with a version `postgis 3.4`."""
    system_identifier: str = ""
    """The `system_identifier` of the one server that this target is; empty when it is not pinned here."""
    confirmed_identifier: str = ""
    """While an action runs: the `system_identifier` that its plan has, which every session has to find. Never read from
    a file."""
    role: str = ""
    """`primary` or `standby`: what that server has to be; empty when it is not pinned here."""
