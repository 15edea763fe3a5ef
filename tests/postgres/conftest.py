"""One real server for all tests of a run, and a runbook whose places are the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.api.action import Context
from midwatch.runbook.loader import load
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from probes.postgres.embedded import programs_of
from tests.support.listening_server import RUNBOOK, Listening
from tests.support.logins import PASSWORD, MakeContext
from tests.support.postgres import Server, server, short_folder

PLACES = ("pgpass", "audit", "backups", "emergency", "logs", "credential_backups")


@pytest.fixture(scope="package")
def primary() -> Iterator[Server]:
    with short_folder() as folder, server(folder / "p", wal_level="logical") as made:
        made.sql(
            f"CREATE ROLE arp_app LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE arp OWNER arp_app",
        )
        yield made


@pytest.fixture
def database(primary: Server) -> Iterator[str]:
    """A new, empty database of the role `arp_app`."""
    name = "one"
    primary.sql(f"CREATE DATABASE {name} TEMPLATE template0 OWNER arp_app")
    yield name
    for (found,) in primary.sql(f"SELECT datname FROM pg_database WHERE datname LIKE '{name}%'"):
        primary.sql(f'DROP DATABASE "{found}" WITH (FORCE)')


@pytest.fixture
def make_context(primary: Server, tmp_path: Path) -> MakeContext:
    def make(targets: Mapping[str, Target]) -> Context:
        file = tmp_path / "runbook.yaml"
        file.write_text(RUNBOOK)
        found = load(file)
        mine = {name: str(tmp_path / name) for name in PLACES}
        mine["pg_bin"] = str(programs_of(primary.sockets.parent))
        lines = [f"127.0.0.1:{target.port}:*:arp_app:{PASSWORD}\n" for target in targets.values()]
        (tmp_path / "pgpass").write_text("".join(lines))
        (tmp_path / "pgpass").chmod(0o600)
        runbook = replace(found, targets=targets, locations={**found.locations, **mine})
        return Context(runbook, Listening(), SystemClock(), "ada@test")

    return make


@pytest.fixture
def one(primary: Server, database: str) -> Target:
    """The new database as a target, whose application is `arp_app`."""
    return primary.target(name="one", label="ONE", database=database, user="arp_app")


@pytest.fixture
def context(make_context: MakeContext, one: Target) -> Context:
    return make_context({"one": one})
