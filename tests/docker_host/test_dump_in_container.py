"""A dump by a command inside a container, and what happens to the container in the middle of it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import psycopg
import pytest

from actions.dump_source import ContainerDump
from actions.dump_stream import dump
from drill import image
from midwatch.errors import Failed
from probes.postgres.connect import Route, connect
from probes.postgres.scratch import Scratch
from probes.postgres.scratch_container import scratch_container

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.docker, pytest.mark.postgres]
FILL = """
CREATE TABLE ledger AS SELECT g AS id, md5(g::text) AS text, md5((g + 1)::text) AS more FROM generate_series(1, 250000) g;
"""
DUMPS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'midwatch dump %'"


@pytest.fixture
def server(client: DockerClient) -> Iterator[Scratch]:
    with (
        tempfile.TemporaryDirectory(prefix="mws-", dir="/tmp") as place,
        scratch_container(image.ensure(), Path(place), 0) as found,
    ):
        with connect(found.route) as connection:
            connection.execute("CREATE DATABASE arp")
        with connect(replace(found.route, database="arp")) as connection:
            connection.execute(FILL.encode())
        yield found
        with contextlib.suppress(docker.errors.APIError):  # nobody waits for its clients
            client.api.kill(Path(found.route.host).parent.name)


@pytest.fixture
def inside(server: Scratch) -> Route:
    container = Path(server.route.host).parent.name
    return Route("exec", "", server.route.port, "postgres", "arp", "ARP", container)


def begun(inside: Route, timeout: float = 60.0) -> tuple[ContainerDump, Iterator[bytes]]:
    """A dump that is well under way, and goes no further before it is read: the pipe is full."""
    source = ContainerDump(inside, timeout=timeout)
    chunks = source.chunks()
    while len(next(chunks)) < 1000:
        pass
    return source, chunks


@pytest.mark.parametrize("word", ["stop", "kill"])
def test_a_container_that_ends_in_mid_dump_leaves_nothing(
    client: DockerClient, inside: Route, tmp_path: Path, word: str
) -> None:
    path = tmp_path / "arp.sql.gz"

    deeds = [lambda: client.api.kill(inside.container) if word == "kill" else client.api.stop(inside.container, timeout=1)]

    def end(done: float, total: float | None = None) -> None:
        if done > 1_000_000 and deeds:
            deeds.pop()()

    with pytest.raises(Failed, match="ended in the middle of the dump"):
        dump(inside, None, path, end)
    assert list(tmp_path.iterdir()) == []


def test_a_container_that_is_paused_in_mid_dump_is_stalled(client: DockerClient, inside: Route) -> None:
    source, chunks = begun(inside, timeout=2.0)
    client.api.pause(inside.container)
    try:
        with pytest.raises(Failed, match="stalled: no byte for 2 s"):
            for _ in chunks:
                pass
    finally:
        client.api.unpause(inside.container)
        source.stop()


def test_stopping_a_dump_ends_it_inside_and_no_other(server: Scratch, inside: Route) -> None:
    """The process in the container would go on to its end: moby/moby#35703."""
    one, _ = begun(inside)
    other, rest = begun(inside)
    with contextlib.closing(connect(server.route)) as connection:
        assert running(connection) == 2
        one.stop()
        while running(connection) == 2:
            pass
        assert running(connection) == 1
    assert sum(map(len, rest)) > 1_000_000  # raises unless it ends well
    other.stop()


def running(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    row = connection.execute(DUMPS).fetchone()
    assert row is not None
    return int(str(row[0]))


def test_a_container_without_pg_dump_says_so(client: DockerClient, inside: Route) -> None:
    client.containers.get(inside.container).exec_run(["rm", "/usr/local/bin/pg_dump"], user="root")
    client.containers.get(inside.container).exec_run(["rm", "-f", "/usr/bin/pg_dump"], user="root")
    source = ContainerDump(inside)
    try:
        with pytest.raises(Failed, match="no pg_dump inside the container"):
            for _ in source.chunks():
                pass
    finally:
        source.stop()
