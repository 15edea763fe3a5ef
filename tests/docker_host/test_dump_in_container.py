"""A dump by a command inside a container, and what happens to the container in the middle of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from docker_world import filled_container

from actions.dump_source import ContainerDump
from actions.dump_stream import dump
from midwatch.errors import Failed, MidwatchError
from probes.postgres.connect import Route, connect
from probes.postgres.role import run_quietly
from probes.postgres.scratch import Scratch
from tests.backup.waiting import until

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

pytestmark = [pytest.mark.docker, pytest.mark.postgres]
FILL = """
SET synchronous_commit = on;
CREATE TABLE ledger AS SELECT g AS id, md5(g::text) AS text, md5((g + 1)::text) AS more FROM generate_series(1, 250000) g;
"""
"""To outlive a kill: this server does not wait for its log of itself."""
DUMPS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'midwatch dump %'"


@pytest.fixture(scope="module")
def server(client: DockerClient) -> Iterator[Scratch]:
    """Every test leaves it running."""
    with filled_container(FILL) as found:
        yield found


def begun(inside: Route, timeout: float = 60.0) -> tuple[ContainerDump, Iterator[bytes]]:
    """A dump that is well under way, and goes no further before it is read: the pipe is full."""
    source = ContainerDump(inside, timeout=timeout)
    chunks = source.chunks()
    while len(next(chunks)) < 1000:
        pass
    return source, chunks


class Meanwhile:
    """A progress that has somebody else do something, once, as soon as a dump is well under way, which then goes on slowly."""

    def __init__(self, deed: Callable[[], object]) -> None:
        self._somebody = threading.Thread(target=deed)
        self.began = False

    def __call__(self, done: float, total: float | None = None) -> None:
        if not self.began and done > 1_000_000:
            self.began = True
            self._somebody.start()
        if self.began:
            self._somebody.join(0.05)

    def join(self) -> None:
        self._somebody.join(60)


def answers(route: Route) -> bool:
    with contextlib.suppress(MidwatchError):
        return run_quietly(route, "SELECT 1") == "1"
    return False


@pytest.mark.parametrize("word", ["stop", "kill"])
def test_a_container_that_ends_in_mid_dump_leaves_nothing(
    client: DockerClient, inside: Route, tmp_path: Path, word: str
) -> None:
    """The compressor would have made a good gzip file of what came. Once it is up again, a dump begins from zero."""
    (tmp_path / "earlier.gz").write_bytes(b"kept")
    name = inside.container
    end = Meanwhile(lambda: client.api.kill(name) if word == "kill" else client.api.stop(name, timeout=0))
    with pytest.raises(Failed, match="ended in the middle of the dump") as caught:
        dump(inside, None, tmp_path / "arp.sql.gz", end)
    end.join()
    assert f"docker start {name}, wait until it is ready" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["earlier.gz"]
    with pytest.raises(Failed, match="is exited"):
        run_quietly(inside, "SELECT 1")
    client.api.start(name)
    until(lambda: answers(inside))
    assert dump(inside, None, tmp_path / "arp.sql.gz", lambda done, total: None).unpacked > 16_000_000


def test_a_container_that_is_paused_in_mid_dump_is_stalled(client: DockerClient, inside: Route) -> None:
    source, chunks = begun(inside, timeout=1.0)
    client.api.pause(inside.container)
    try:
        with pytest.raises(Failed, match="stalled: no byte for 1 s"):
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
        until(lambda: running(connection) == 1)
    assert sum(map(len, rest)) > 1_000_000  # raises unless it ends well
    other.stop()


def running(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    row = connection.execute(DUMPS).fetchone()
    assert row is not None
    return int(str(row[0]))


AWAY = "for one in /usr/bin /usr/local/bin; do mv $one/pg_dump $one/elsewhere; done"
BACK = "for one in /usr/bin /usr/local/bin; do rm -f $one/pg_dump; mv $one/elsewhere $one/pg_dump; done"


@pytest.fixture
def without_pg_dump(client: DockerClient, inside: Route) -> Iterator[Container]:
    container = client.containers.get(inside.container)
    assert container.exec_run(["sh", "-c", AWAY], user="root").exit_code == 0
    yield container
    assert container.exec_run(["sh", "-c", BACK], user="root").exit_code == 0


@pytest.mark.usefixtures("without_pg_dump")
def test_a_container_without_pg_dump_says_so(inside: Route, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no pg_dump inside the container"):
        dump(inside, None, tmp_path / "arp.sql.gz", lambda done, total: None)
    assert list(tmp_path.iterdir()) == []
