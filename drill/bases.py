"""The three databases of the drill, from nothing to answering, in seconds."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drill.record import Record
from drill.scenarios import Scenario
from drill.servers import Server, configure, copy_cluster, free_ports, make_cluster, set_access
from probes.postgres.embedded import Engine, run

SQL = Path(__file__).parent / "data"
NAMES = ("otc", "gps", "arp")
PAGE = 8192


@dataclass(frozen=True, slots=True)
class Base:
    """A server with its database, and what its applications know."""

    server: Server
    password: str
    """What its role logs in with; for a lost password, kept by nobody but this object."""

    @property
    def label(self) -> str:
        return self.server.database.upper()


def make_bases(engine: Engine, den: Path, record: Record, seed: int, say: Callable[[str], None]) -> list[Base]:
    """Three servers that run and hold their data. Same seed, same data. Raises `Failed`."""
    socket = den / "run"
    _own(engine, socket)
    _own(engine, den / "servers")
    ports = free_ports(len(NAMES))
    servers = [_server(name, den, socket, port) for name, port in zip(NAMES, ports, strict=True)]
    record.clusters = [str(server.data) for server in servers]
    record.save()
    first, *others = servers
    make_cluster(engine, first.data)
    for server in others:
        copy_cluster(engine, first.data, server.data)
    for server in servers:
        configure(server, socket_trusted=True)
    say("Three servers are made; filling them")
    with ThreadPoolExecutor(len(servers)) as pool:
        return list(pool.map(lambda server: _fill(engine, server, seed), servers))


def _server(name: str, den: Path, socket: Path, port: int) -> Server:
    home = den / "servers"
    return Server(f"{name}-db-prod", name, f"{name}_app", home / name, socket, port, home / f"{name}-server.log")


def _own(engine: Engine, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o700)
    if engine.identity.switch:
        os.chown(folder, engine.identity.uid, engine.identity.gid)


def _fill(engine: Engine, server: Server, seed: int) -> Base:
    server.start(engine)
    password = secrets.token_urlsafe(18)
    names = {"owner": f"{server.database}_owner", "role": server.role, "database": server.database, "password": password}
    given = "".join(f"\\set {name} '{value}'\n" for name, value in names.items())
    server.sql(engine, given + (SQL / "roles.sql").read_text(encoding="utf-8"), database="postgres")
    start = f"SET ROLE {names['owner']};\nSELECT setseed({seed % 1000 / 1000}) \\g /dev/null\n"
    server.sql(engine, start + (SQL / f"{server.database}.sql").read_text(encoding="utf-8"))
    server.sql(engine, "VACUUM ANALYZE;\nCHECKPOINT;")
    return Base(server, password)


def break_bases(engine: Engine, bases: Sequence[Base], scenario: Scenario) -> None:
    """Do to ARP what the scenario says; after the backups of earlier nights were taken."""
    arp = bases[-1].server
    if scenario.damaged_table:
        damage(engine, arp)
    if not scenario.socket_trusted:
        set_access(arp, socket_trusted=False)
        run(engine.identity, [engine.program("pg_ctl"), "reload", "-s", "-D", str(arp.data)])


def damage(engine: Engine, server: Server) -> None:
    """Overwrite one page of the ledger, as a bad sector would; the server's page checksums notice when it is read."""
    where = server.sql(engine, "SELECT pg_relation_filepath('archive.ledger_entries')").strip()
    server.stop(engine)
    with (server.data / where).open("r+b") as file:
        file.seek(20 * PAGE + 100)
        file.write(b"\xff" * 512)
    server.start(engine)
