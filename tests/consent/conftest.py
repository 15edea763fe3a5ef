"""Incidents whose target is a real server of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from probes.postgres.embedded import Engine, engine_for
from tests.support.postgres import Server, server, short_folder

RUNBOOK = """\
midwatch: 1
id: bound
title: A bound incident
severity: SEV-2
phases:
  - title: All of it
    steps:
      - {id: asked, title: Ask, questions: [{name: x, prompt: Which?}]}
      - {id: save, title: Save it, uses: emergency-backup, with: {target: arp}}
      - {id: recover, title: Recover it, uses: reset-password, with: {target: arp}}
      - {id: shell, title: Write it, run: echo "$X $C" >> ran, env: {X: {from: asked.x}, C: constant}, risk: change}
"""


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A folder that the servers can reach."""
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def engine(ground: Path) -> Engine:
    return engine_for(ground)


@pytest.fixture(scope="session")
def first(ground: Path, engine: Engine) -> Iterator[Server]:
    with server(ground / "first", engine) as made:
        yield made


@pytest.fixture(scope="session")
def other(ground: Path, engine: Engine) -> Iterator[Server]:
    with server(ground / "other", engine) as made:
        yield made


def write_site(folder: Path, made: Server, *, socket: str | None = None, **target: Any) -> Path:
    """A site file whose target `arp` is this server; a `socket` of another one, or none, may be given."""
    at = {
        "kind": "local",
        "host": "127.0.0.1",
        "port": made.port,
        "socket": str(made.sockets) if socket is None else socket,
    }
    places = {name: str(folder / name) for name in ("emergency", "logs", "audit", "credential_backups", "pgpass")}
    places["pg_bin"] = str(Path(made.engine.program("pg_dump")).parent)
    given = {**at, "label": "ARP", "database": "postgres", "user": "postgres", "superuser": "postgres", **target}
    given = {name: value for name, value in given.items() if value != ""}
    site = {"midwatch-site": 1, "targets": {"arp": given}, "locations": places}
    (folder / "site.yaml").write_text(yaml.safe_dump(site))
    return folder / "site.yaml"


def declared(folder: Path) -> IncidentController:
    """A new incident of the runbook and the site in this folder."""
    (folder / "runbook.yaml").write_text(RUNBOOK)
    return IncidentController.declare(load(folder / "runbook.yaml", site=folder / "site.yaml"), actor="ada@test")


@pytest.fixture
def controller(here: Path, first: Server) -> Iterator[IncidentController]:
    write_site(here, first)
    made = declared(here)
    yield made
    made.leave()


ONE_STEP = """\
midwatch: 1
id: bound
title: A bound incident
severity: SEV-2
phases:
  - title: All of it
    steps:
      - {id: save, title: Save it, uses: emergency-backup, with: {target: arp}}
"""
