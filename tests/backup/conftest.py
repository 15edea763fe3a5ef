"""A production with databases to save, and a place of each test's own to save them to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drill.production import Production, build
from midwatch.api.action import Context
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from tests.support.listening_server import RUNBOOK, Listening
from tests.support.superuser import superuser


@pytest.fixture(scope="package")
def production() -> Iterator[Production]:
    built = build("password-only", linger=0)
    yield built
    built.tear_down()


@pytest.fixture
def runbook(production: Production, tmp_path: Path) -> Runbook:
    file = tmp_path / "runbook.yaml"
    file.write_text(RUNBOOK)
    found = load(file, site=production.site)
    mine = {name: str(tmp_path / name) for name in ("emergency", "backups", "logs", "audit")}
    mine["proofs"] = str(tmp_path / "logs" / "backup-proofs.jsonl")
    return replace(found, locations={**found.locations, **mine}, panels=())


@pytest.fixture
def context(runbook: Runbook) -> Context:
    return Context(runbook, Listening(), SystemClock(), "ada@test")


@pytest.fixture
def arp(runbook: Runbook) -> Target:
    return runbook.targets["arp-db-prod"]


@pytest.fixture
def fresh(arp: Target) -> Iterator[Target]:
    """A new, empty database beside ARP's."""
    name = "fresh"
    with superuser(arp) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield replace(arp, database=name)
    with superuser(arp) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@pytest.fixture
def noise(fresh: Target) -> Target:
    """3 MB that no compressor makes smaller."""
    with superuser(fresh, fresh.database) as connection:
        connection.execute(
            "CREATE TABLE noise AS SELECT g, sha512(g::text::bytea) AS t FROM generate_series(1, 20000) g"
        )
    return fresh
