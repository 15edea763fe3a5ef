"""Incidents whose target is a real server of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from probes.postgres.embedded import Engine, engine_for
from tests.support.pinned_site import declared, write_site
from tests.support.postgres import Server, server, short_folder


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


@pytest.fixture
def controller(here: Path, first: Server) -> Iterator[IncidentController]:
    write_site(here, first)
    made = declared(here)
    yield made
    made.leave()
