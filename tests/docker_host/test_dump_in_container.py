"""A dump by a command inside a container, and what happens to the container in the middle of it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from actions.dump import pg_dump_process
from actions.dump.dump_stream import dump
from actions.dump.orphaned_dumps import orphaned_dumps
from actions.dump.pg_dump_process import ContainerDump
from actions.emergency_backup import EmergencyBackup
from midwatch.api.action import Context, Outcome
from midwatch.api.plan import Verb
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError, Refused
from probes.backup.manifest import Manifest
from probes.postgres.connect import Route, connect
from probes.postgres.role import run_quietly
from probes.postgres.temp_server import TempServer
from probes.postgres.tools import Tools
from tests.support.docker_world import filled_container
from tests.support.host_world import BIN, Heard
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

pytestmark = [pytest.mark.docker, pytest.mark.postgres]
FILL = """
SET synchronous_commit = on;
CREATE TABLE ledger AS SELECT g AS id, md5(g::text) AS text, md5((g + 1)::text) AS more FROM generate_series(1,
    250000) g;
"""
"""To outlive a kill: this server does not wait for its log of itself."""
DUMPS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'midwatch dump %'"


@pytest.fixture(scope="module")
def server(client: DockerClient) -> Iterator[TempServer]:
    """Every test leaves it running."""
    with filled_container(FILL) as found:
        yield found


def begun(inside: Route) -> tuple[ContainerDump, Iterator[bytes]]:
    """A dump that is well running, and goes no further before it is read: the pipe is full."""
    source = ContainerDump(inside)
    chunks = source.chunks()
    while len(next(chunks)) < 1000:
        pass
    return source, chunks


class Meanwhile:
    """A progress that has somebody else do something, once, as soon as a dump is well running, which then goes on
    slowly."""

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


def way(kind: str, server: TempServer, inside: Route) -> tuple[Route, Tools | None]:
    """The way into the container by commands, or by its socket as seen from here."""
    return (inside, None) if kind == "exec" else (replace(server.route, database="arp"), Tools(BIN, (18, 0)))


@pytest.mark.parametrize("kind", ["exec", "socket"])
@pytest.mark.parametrize("word", ["stop", "kill"])
def test_container_that_ends_in_mid_dump_leaves_nothing(
    client: DockerClient, server: TempServer, inside: Route, tmp_path: Path, word: str, kind: str
) -> None:
    """The compressor would have made a good gzip file of what came. Once it is up again, a dump begins from zero."""
    (tmp_path / "earlier.gz").write_bytes(b"kept")
    name, (route, tools) = inside.container, way(kind, server, inside)
    end = Meanwhile(lambda: client.api.kill(name) if word == "kill" else client.api.stop(name, timeout=0))
    with pytest.raises(Failed) as caught:
        dump(route, tools, tmp_path / "arp.sql.gz", end)
    end.join()
    if kind == "exec":
        assert f"The container {name} ended in the middle of the dump" in str(caught.value)
        assert f"docker start {name}, wait until it is ready" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["earlier.gz"]
    with pytest.raises(Failed, match="is exited"):
        run_quietly(inside, "SELECT 1")
    client.api.start(name)
    wait_for(lambda: answers(inside))
    assert dump(inside, None, tmp_path / "arp.sql.gz", lambda done, total: None).unpacked > 16_000_000


def test_container_that_is_paused_in_mid_dump_is_stalled(
    client: DockerClient, inside: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is begun inside meanwhile: an engine does not survive a pause that meets a start."""
    monkeypatch.setattr(pg_dump_process, "STALL", 1.0)
    source, chunks = begun(inside)
    client.api.pause(inside.container)
    try:
        with pytest.raises(Failed, match="stalled: no byte for 1 s"):
            for _ in chunks:
                pass
    finally:
        client.api.unpause(inside.container)
        source.stop()


def test_container_that_is_paused_under_a_dump_by_its_socket_is_stalled(
    client: DockerClient, server: TempServer, inside: Route, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that holds the snapshot hangs as well; nobody waits for it."""
    monkeypatch.setattr(pg_dump_process, "STALL", 1.0)
    route, tools = way("socket", server, inside)
    pause = Meanwhile(lambda: client.api.pause(inside.container))
    try:
        with pytest.raises(Failed, match="stalled: no byte for 1 s"):
            dump(route, tools, tmp_path / "arp.sql.gz", pause)
    finally:
        pause.join()
        client.api.unpause(inside.container)
    assert list(tmp_path.iterdir()) == []


def test_stopping_a_dump_ends_it_inside_and_no_other(server: TempServer, inside: Route) -> None:
    """The process in the container would go on to its end: moby/moby#35703."""
    one, _ = begun(inside)
    other, rest = begun(inside)
    with contextlib.closing(connect(server.route)) as connection:
        assert running(connection) == 2
        one.stop()
        wait_for(lambda: running(connection) == 1)
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
def test_container_without_pg_dump_says_so(inside: Route, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no pg_dump inside the container"):
        dump(inside, None, tmp_path / "arp.sql.gz", lambda done, total: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_dump_comes_in_large_pieces_where_the_container_can_do_that(
    client: DockerClient, inside: Route, tmp_path: Path, there: bool
) -> None:
    """An image without GNU's coreutils has no `stdbuf`; its dump is slower, and as good."""
    container = client.containers.get(inside.container)
    if not there:
        assert container.exec_run(["mv", "/usr/bin/stdbuf", "/usr/bin/elsewhere"], user="root").exit_code == 0
    try:
        source, chunks = begun(inside)
        told = container.exec_run(["sh", "-c", "cat /proc/$(pidof pg_dump)/environ"], user="root").output
        assert (b"_STDBUF_O=65536" in told, b"PGAPPNAME" in told) == (there, True)
        assert sum(map(len, chunks)) > 16_000_000
        source.stop()
        assert dump(inside, None, tmp_path / "arp.sql.gz", lambda done, total: None).depth == 1
    finally:
        container.exec_run(["mv", "/usr/bin/elsewhere", "/usr/bin/stdbuf"], user="root")


@pytest.fixture
def arp(inside: Route) -> Target:
    """Reached by commands in the container alone, also by root."""
    return Target(
        "arp-db-prod", TargetKind.DOCKER, "arp", "ARP", container=inside.container, user="postgres", socket="/nowhere"
    )


@pytest.fixture
def context(make_context: Callable[..., Context], arp: Target) -> Context:
    return make_context(targets={arp.name: arp})


def refused(arp: Target, context: Context) -> str:
    """Why the plan would not run, which then does not."""
    action = EmergencyBackup(arp)
    plan = action.plan(context)
    with pytest.raises(Refused):
        action.apply(context, plan)
    assert not context.location("emergency").exists()
    return plan.refusal


def test_container_without_pg_dump_is_refused_before_the_start(
    arp: Target, context: Context, without_pg_dump: Container
) -> None:
    assert refused(arp, context).startswith(
        f"The container {arp.container} has no pg_dump, and only commands inside it reach"
    )
    for words, told in (
        (
            "echo 'pg_dump (PostgreSQL) 9.6.24'",
            "is 9.6, older than the server, 15. Publish its port, or set host and port",
        ),
        ("echo pg_dump: no such library >&2; exit 1", "does not work: pg_dump: no such library"),
    ):
        script = f'printf "#!/bin/sh\\n%s\\n" "{words}" >/usr/bin/pg_dump && chmod 755 /usr/bin/pg_dump'
        assert without_pg_dump.exec_run(["sh", "-c", script], user="root").exit_code == 0
        assert told in refused(arp, context)


def test_container_is_meant_by_its_whole_name_only(client: DockerClient, arp: Target, context: Context) -> None:
    """Docker itself takes the beginning of an id; a container that was renamed is another one until the runbook says
    so."""
    name, identity = arp.container, client.api.inspect_container(arp.container)["Id"]
    assert "There is no container" in EmergencyBackup(replace(arp, container=identity[:12])).plan(context).refusal
    plan = EmergencyBackup(arp).plan(context)
    assert plan.refusal == ""
    client.api.rename(name, f"{name}-old")
    try:
        assert f"There is no container {name}. Similar: {name}-old" in EmergencyBackup(arp).plan(context).refusal
        with pytest.raises(MidwatchError, match="There is no container"):
            EmergencyBackup(arp).apply(context, plan)
    finally:
        client.api.rename(f"{name}-old", name)


READER = """
import sys
from actions.dump import pg_dump_process as dump_source
from actions.dump.pg_dump_process import ContainerDump
from probes.postgres.connect import Route
chunks = ContainerDump(Route("exec", "", int(sys.argv[1]), "postgres", "arp", "ARP", sys.argv[2])).chunks()
print(len(next(chunks)), flush=True)
sys.stdin.read()
"""


def test_dump_whose_reader_was_killed_is_found_and_ended(
    server: TempServer, inside: Route, arp: Target, context: Context, heard: Heard
) -> None:
    """Docker lets it go on inside: it would hold its locks and its snapshot for as long as it likes."""
    action, outcomes = EmergencyBackup(arp), list[Outcome]()
    with connect(replace(server.route, database="arp")) as holder, connect(server.route) as watcher:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")  # so that none can end by itself
        argv = [sys.executable, "-c", READER, str(inside.port), inside.container]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
            wait_for(lambda: running(watcher) == 1)
            assert orphaned_dumps(inside) == [], "its reader lives"
            reader.kill()
        (lost,) = orphaned_dumps(inside)
        plan = action.plan(context)
        assert [effect.identity for effect in plan.effects if effect.verb is Verb.REMOVE] == [lost.application]
        again = threading.Thread(target=lambda: outcomes.append(action.apply(context, plan)))
        again.start()
        wait_for(lambda: f"Ended a dump that lost its reader, pid {lost.pid}" in heard.text)
        wait_for(lambda: running(watcher) == 1)
        assert orphaned_dumps(inside) == [], "that is the new one"
        holder.execute("ROLLBACK")
    again.join(60)
    (outcome,) = outcomes
    assert outcome.ok
    manifest = Manifest.read(Path(outcome.values["path"]))
    assert manifest is not None
    assert manifest.tool.startswith("pg_dump 15."), "the container's own"
