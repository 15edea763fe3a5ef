"""What tests on a real Docker engine share: the engine, and PostgreSQL in a container of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drill.servers import image
from probes.postgres.connect import Route, connect
from probes.postgres.temp_container import temp_container
from probes.postgres.temp_server import TempServer

if TYPE_CHECKING:
    from docker import DockerClient


@pytest.fixture(scope="session")
def client() -> Iterator[DockerClient]:
    import docker

    try:
        found = docker.DockerClient.from_env(timeout=60)
        found.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine: {error}")
    yield found
    found.close()


@contextmanager
def filled_container(script: str) -> Iterator[TempServer]:
    """A server in a container, with a database `arp` that the script has filled; also seen from here by its socket."""
    with (
        tempfile.TemporaryDirectory(prefix="mws-", dir="/tmp") as place,
        temp_container(image.ensure(), Path(place), 0) as found,
    ):
        with connect(found.route) as connection:
            connection.execute("CREATE DATABASE arp")
        with connect(replace(found.route, database="arp")) as connection:
            connection.execute(script.encode())
        yield found


@pytest.fixture
def inside(server: TempServer) -> Route:
    """The way into the module's `server` by commands in its container alone."""
    container = Path(server.route.host).parent.name
    return Route("exec", "", server.route.port, "postgres", "arp", "ARP", container)
