"""A production with a lost password: real servers, a real `.pgpass`, and nothing else of the runbook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drill.production import Production, build
from midwatch.api.action import Context
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.system.clock import SystemClock
from probes.postgres.role import run_quietly
from probes.postgres.routes import superuser_route
from tests.support.listening_server import RUNBOOK, Listening, arp


@pytest.fixture(scope="session")
def production() -> Iterator[Production]:
    built = build("reference", linger=0)
    yield built
    built.tear_down()


@pytest.fixture
def runbook(production: Production, tmp_path: Path) -> Runbook:
    """Its targets and places, with a `.pgpass`, an audit log and a place for sealed verifiers of this test's own."""
    file = tmp_path / "runbook.yaml"
    file.write_text(RUNBOOK)
    found = load(file, site=production.site)
    pgpass = tmp_path / "pgpass"
    pgpass.write_text(found.location_of("pgpass").read_text())
    pgpass.chmod(0o600)
    mine = {"pgpass": str(pgpass), "audit": str(tmp_path / "audit.log"), "credential_backups": str(tmp_path / "sealed")}
    return replace(found, locations={**found.locations, **mine}, panels=())


@pytest.fixture
def console() -> Listening:
    return Listening()


@pytest.fixture
def context(runbook: Runbook, console: Listening) -> Context:
    return Context(runbook, console, SystemClock(), "ada@test")


@pytest.fixture
def lost(context: Context) -> Context:
    """Nobody knows ARP's password again."""
    way = superuser_route(context.runbook, arp(context))
    run_quietly(way, "ALTER ROLE arp_app LOGIN VALID UNTIL 'infinity' CONNECTION LIMIT -1 PASSWORD 'gone-for-good'")
    return context
