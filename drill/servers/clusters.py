"""The servers of the drill: one data directory is made, copied for the others, and each is started on a port of its
own."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midwatch.system.errors import Failed
from probes.postgres.connect import Route
from probes.postgres.embedded import Engine, run

QUIET = "-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1"
"""For what the drill itself says to a server: its log must begin with what the operator does."""
START_LIMIT = 30
"""Seconds in which a server has to answer."""

PAGE = 8192
"""Bytes of a page of a table on disk."""


def common_settings(name: str) -> dict[str, str]:
    """What every server of a drill is told, wherever it runs.

    Small and fast: nothing there has to survive a power cut. Everything is logged, as on a server whose owner is
    careful, so that a password in a statement would be seen.
    """
    return {
        "max_connections": "40",
        "shared_buffers": "32MB",
        "dynamic_shared_memory_type": "mmap",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "min_wal_size": "2MB",
        "max_wal_size": "24MB",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "autovacuum_naptime": "10min",
        "log_statement": "all",
        "log_connections": "on",
        "log_disconnections": "on",
        "log_line_prefix": "%m [%p] user=%u,db=%d,app=%a,client=%h ",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "cluster_name": name,
    }


ACCESS = """
# The superuser comes in over the local socket, {who}. Everybody else needs a password.
local  all  postgres                {superuser}
local  all  all                     scram-sha-256
host   all  all       127.0.0.1/32  scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Server:
    """One server: where it listens and where it keeps its things."""

    name: str
    """As the plan calls it: `arp-db-prod`."""
    database: str
    role: str
    """What applications log in as."""
    data: Path
    socket: Path
    port: int
    log: Path

    def way_in(self, label: str) -> Route:
        """How the drill itself comes in as the superuser."""
        return Route("socket", str(self.socket), self.port, "postgres", self.database, label)

    def as_target(self, label: str) -> dict[str, Any]:
        """What stands in the site file."""
        return {
            "kind": "local",
            "label": label,
            "host": "127.0.0.1",
            "port": self.port,
            "socket": str(self.socket),
            "database": self.database,
            "user": self.role,
            "log": str(self.log),
        }

    def start(self, engine: Engine) -> None:
        """Start it and wait until it answers. Raises `Failed` with the last line of its log."""
        argv = [
            engine.program("pg_ctl"),
            "start",
            "-w",
            "-t",
            str(START_LIMIT),
            "-s",
            "-D",
            str(self.data),
            "-l",
            str(self.log),
        ]
        try:
            run(engine.identity, argv, timeout=START_LIMIT + 10)
        except Failed as error:
            said = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
            last = said[-1] if said else "its log is empty"
            raise Failed(f"The server {self.name} does not start: {last}", hint=f"Look at {self.log}") from error

    def stop(self, engine: Engine) -> None:
        """Stop it in an orderly way."""
        run(engine.identity, [engine.program("pg_ctl"), "stop", "-w", "-s", "-m", "fast", "-D", str(self.data)])

    def sql(self, engine: Engine, script: str, *, database: str = "", timeout: float = 120.0) -> str:
        """Run SQL as the superuser over the socket, unseen in the server's log. Returns what `psql -At` prints."""
        argv = [engine.program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket), "-p", str(self.port)]
        argv += ["-U", "postgres", "-d", database or self.database, "-f", "-"]
        # Ourselves where the socket lets anybody in as the superuser; the identity only matters to reach the folder.
        return run(engine.identity, argv, text_in=script, environment={"PGOPTIONS": QUIET}, timeout=timeout).stdout

    def shut_socket(self, engine: Engine) -> None:
        """From here on the socket asks for a password as well."""
        set_access(self, socket_trusted=False)
        run(engine.identity, [engine.program("pg_ctl"), "reload", "-s", "-D", str(self.data)])

    def close(self, engine: Engine) -> None:
        """Nothing: the drill itself never had a way in that an operator has not."""

    def damage(self, engine: Engine, relation: str, block: int) -> None:
        """Overwrite a page of a table, as a bad sector would; the page's checksum tells when it is read."""
        where = self.sql(engine, f"SELECT pg_relation_filepath('{relation}')").strip()
        self.stop(engine)
        with (self.data / where).open("r+b") as file:
            file.seek(block * PAGE + 100)
            file.write(b"\xff" * 512)
        self.start(engine)


def make_cluster(engine: Engine, data: Path) -> None:
    """A new data directory whose only role is the superuser `postgres`."""
    argv = [engine.program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
    run(engine.identity, [*argv, "--wal-segsize=1", "--no-sync", "--no-instructions"])


def copy_cluster(engine: Engine, data: Path, copy: Path) -> None:
    """Another data directory like a stopped one."""
    if engine.identity.switch:
        run(engine.identity, ["cp", "-a", str(data), str(copy)])
    else:
        shutil.copytree(data, copy, symlinks=True)
        copy.chmod(0o700)


def configure(server: Server, *, socket_trusted: bool) -> None:
    """Write what makes this data directory the server it is; `socket_trusted` lets the superuser in over the socket."""
    own = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "unix_socket_directories": str(server.socket),
        "unix_socket_permissions": "0777",
    }
    with (server.data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in {**common_settings(server.name), **own}.items())
    set_access(server, socket_trusted=socket_trusted)


def set_access(server: Server, *, socket_trusted: bool) -> None:
    """Write who may come in, and how."""
    who, how = (
        ("and is trusted there", "trust")
        if socket_trusted
        else ("and needs a password, which nobody has", "scram-sha-256")
    )
    (server.data / "pg_hba.conf").write_text(ACCESS.format(who=who, superuser=how))


def free_ports(count: int) -> list[int]:
    """So many different loopback ports that nobody listens on."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()
