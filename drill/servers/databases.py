"""Creates and starts the three databases of the drill within seconds."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drill.scenarios import Scenario
from drill.servers.clusters import Server, configure, copy_cluster, free_ports, make_cluster
from drill.servers.containers import ContainerServer, make_all
from drill.state import SERVER_NAMES, DrillState
from probes.postgres.embedded import Engine

SQL = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, slots=True)
class DrillDatabase:
    """A server with its database, and what its applications know."""

    server: Server | ContainerServer
    password: str
    """What its role logs in with; for a lost password, kept by nobody but this object."""
    version: str
    """Of the server, such as `15.18`."""

    @property
    def label(self) -> str:
        """The name of the database in capitals."""
        return self.server.database.upper()


def make_bases(
    engine: Engine, den: Path, record: DrillState, seed: int, say: Callable[[str], None]
) -> list[DrillDatabase]:
    """Three servers that run and hold their data. Same seed, same data. Raises `Failed`."""
    servers = _in_containers(den, record) if record.engine else _as_programs(engine, den)
    say("Three servers are made; filling them")
    with ThreadPoolExecutor(len(servers)) as pool:
        return list(pool.map(lambda server: _fill(engine, server, seed), servers))


def _as_programs(engine: Engine, den: Path) -> Sequence[Server]:
    socket = den / "run"
    _own(engine, socket)
    _own(engine, den / "servers")
    ports = free_ports(len(SERVER_NAMES))
    servers = [_server(name, den, socket, port) for name, port in zip(SERVER_NAMES, ports, strict=True)]
    first, *others = servers
    make_cluster(engine, first.data)
    for server in others:
        copy_cluster(engine, first.data, server.data)
    for server in servers:
        configure(server, socket_trusted=True)
    return servers


def _in_containers(den: Path, record: DrillState) -> Sequence[ContainerServer]:
    ports = free_ports(len(SERVER_NAMES))
    servers = [
        ContainerServer(f"{name}-db-prod", name, f"{name}_app", port, record.engine, den / f"{name}-first.pgpass")
        for name, port in zip(SERVER_NAMES, ports, strict=True)
    ]
    make_all(servers, record)
    return servers


def _server(name: str, den: Path, socket: Path, port: int) -> Server:
    home = den / "servers"
    return Server(f"{name}-db-prod", name, f"{name}_app", home / name, socket, port, home / f"{name}-server.log")


def _own(engine: Engine, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o700)
    if engine.identity.switch:
        os.chown(folder, engine.identity.uid, engine.identity.gid)


def _fill(engine: Engine, server: Server | ContainerServer, seed: int) -> DrillDatabase:
    server.start(engine)
    password = secrets.token_urlsafe(18)
    names = {
        "owner": f"{server.database}_owner",
        "role": server.role,
        "database": server.database,
        "password": password,
    }
    given = "".join(f"\\set {name} '{value}'\n" for name, value in names.items())
    server.sql(engine, given + (SQL / "roles.sql").read_text(encoding="utf-8"), database="postgres")
    start = f"SET ROLE {names['owner']};\nSELECT setseed({seed % 1000 / 1000}) \\g /dev/null\n"
    server.sql(engine, start + (SQL / f"{server.database}.sql").read_text(encoding="utf-8"))
    server.sql(engine, "VACUUM ANALYZE;\nCHECKPOINT;")
    return DrillDatabase(server, password, server.sql(engine, "SHOW server_version;").split()[0])


def break_bases(engine: Engine, bases: Sequence[DrillDatabase], scenario: Scenario) -> None:
    """Do to ARP what the scenario says; after the backups of earlier nights were taken."""
    arp = bases[-1].server
    if scenario.damaged_table:
        arp.damage(engine, "archive.ledger_entries", 20)
    if not scenario.socket_trusted:
        arp.shut_socket(engine)
    for base in bases:
        base.server.close(engine)
