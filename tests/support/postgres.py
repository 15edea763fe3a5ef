"""PostgreSQL servers of a test's own, with the settings that it asks for: primaries, standbys, publishers,
subscribers."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from drill.servers.clusters import free_ports
from midwatch.runbook.targets import Target, TargetKind
from probes.postgres.connect import Connection
from probes.postgres.embedded import Engine, Identity, engine_for, run
from tests.support.waiting import wait_for

VERSIONS = ("18", pytest.param("15", marks=pytest.mark.heavy))
"""Parameters of a fixture: the embedded PostgreSQL 18, and Debian's 15, where the machine has it."""
_DEBIANS = Path("/usr/lib/postgresql")


def engine_of(version: str, folder: Path) -> Engine:
    """The programs of a version of `VERSIONS` for servers below `folder`."""
    if version == "18":
        return engine_for(folder)
    programs = _DEBIANS / version / "bin"
    if not (programs / "initdb").exists():
        pytest.skip(f"PostgreSQL {version} is not on this machine")
    return Engine(programs, Identity.choose())


@dataclass(frozen=True)
class Server:
    """One running server; its superuser `postgres` is trusted on the socket and on the loopback address."""

    engine: Engine
    data: Path
    port: int

    @property
    def sockets(self) -> Path:
        return self.data.parent

    @property
    def conninfo(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres"

    def connect(self, database: str = "postgres") -> Connection:
        return psycopg.connect(f"{self.conninfo} dbname={database}", autocommit=True)

    def sql(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run the statements; the rows of the last one."""
        with self.connect(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def target(self, **given: object) -> Target:
        """The server as a runbook names it."""
        values: dict[str, object] = {"label": "ARP", "host": "127.0.0.1", "user": "postgres", "database": "postgres"}
        return Target(
            **{  # type: ignore[arg-type]
                "name": "arp-db-prod",
                "kind": TargetKind.LOCAL,
                "port": self.port,
                "socket": str(self.sockets),
                "superuser": "postgres",
                **values,
                **given,
            }
        )


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder that the servers' user can reach, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="mws-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def server(folder: Path, engine: Engine | None = None, **settings: str) -> Iterator[Server]:
    """A new primary below `folder`, which the servers' user has to reach."""
    engine = engine or engine_for(folder)
    data = _folder_for(engine, folder)
    argv = [engine.program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
    run(engine.identity, [*argv, "--no-sync", "--no-instructions"])
    with _running(engine, data, settings) as made:
        yield made


@contextlib.contextmanager
def standby(folder: Path, primary: Server, **settings: str) -> Iterator[Server]:
    """A streaming standby of `primary`, made by `pg_basebackup`."""
    engine = primary.engine
    data = _folder_for(engine, folder)
    argv = ["-D", str(data), "-R", "-c", "fast", "--no-sync", "-d", f"{primary.conninfo} password=must-not-be-shown"]
    run(engine.identity, [engine.program("pg_basebackup"), *argv])
    with _running(engine, data, settings) as made:
        yield made


def _folder_for(engine: Engine, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    if engine.identity.switch:
        os.chown(folder, engine.identity.uid, engine.identity.gid)
    return folder / "data"


@contextlib.contextmanager
def _running(engine: Engine, data: Path, settings: dict[str, str]) -> Iterator[Server]:
    port = int(settings.pop("port", 0)) or free_ports(1)[0]
    made = Server(engine, data, port)
    given = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(made.sockets),
        "fsync": "off",
    }
    options = [part for name, value in {**given, **settings}.items() for part in ("-c", f"{name}={value}")]
    who = (
        {"user": engine.identity.uid, "group": engine.identity.gid, "extra_groups": []}
        if engine.identity.switch
        else {}
    )
    process = subprocess.Popen(
        [engine.program("postgres"), "-D", str(data), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        **who,  # type: ignore[call-overload]
    )
    try:
        wait_for(lambda: _answers(made))
        yield made
    finally:
        process.send_signal(3)
        process.wait(timeout=60)


def _answers(made: Server) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        made.connect().close()
        return True
    return False
