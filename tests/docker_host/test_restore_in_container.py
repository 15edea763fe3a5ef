"""A restore where only commands inside the container reach the server, as for a user of the group docker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actions import restore as restoring
from actions import swap_database as swapping
from actions.dump.dump_stream import dump
from actions.restore import Restore
from actions.restoring import restore_stream
from actions.restoring.restore_stream import ContainerRestore
from actions.swap_database import SwapDatabase
from midwatch.api.action import Context
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Failed
from probes.backup.manifest import Manifest
from probes.postgres.connect import Route, connect
from probes.postgres.content import count_rows, rows_of
from probes.postgres.temp_server import TempServer
from tests.support.docker_world import filled_container
from tests.support.host_world import BIN
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.docker, pytest.mark.postgres]
SCRIPT = """
CREATE TABLE "odd "" name" AS SELECT g, 'row ' || g AS what FROM generate_series(1, 20000) g;
CREATE TABLE "with a
line break" (n int);
"""


@pytest.fixture
def server(client: DockerClient) -> Iterator[TempServer]:
    with filled_container(SCRIPT) as found:
        yield found


@pytest.fixture
def arp(inside: Route) -> Target:
    return Target("arp-db-prod", TargetKind.DOCKER, "arp", "ARP", container=inside.container, user="postgres")


@pytest.fixture
def context(make_context: Callable[..., Context], inside: Route, monkeypatch: pytest.MonkeyPatch) -> Context:
    """As root we would see the socket in any case."""
    for module in (restoring, swapping):
        monkeypatch.setattr(module, "superuser_route", lambda book, target: replace(inside, database=target.database))
    made = make_context()
    return replace(made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pg_bin": str(BIN)}))


@pytest.fixture
def saved(inside: Route, server: TempServer, context: Context, tmp_path: Path) -> Path:
    path, began = tmp_path / "arp.dump.gz", to_rfc3339(context.clock.now())
    found = dump(inside, None, path, lambda done, total: None)
    with connect(replace(server.route, database="arp")) as connection:
        rows = count_rows(connection)
    Manifest(
        target="arp-db-prod",
        database="arp",
        started=began,
        ended=began,
        bytes=found.bytes,
        sha256=found.sha256,
        unpacked=found.unpacked,
        server=str(server.major),
        tool=f"pg_dump {server.major}.0",
        route=str(inside),
        rows=rows,
        depth=4,
    ).write(path)
    return path


def test_restored_checked_and_put_in_place_by_commands_alone(
    server: TempServer, arp: Target, inside: Route, context: Context, saved: Path
) -> None:
    assert sorted(rows_of(inside).values()) == [0, 20_000]
    action = Restore(arp, saved)
    plan = action.plan(context)
    assert plan.refusal == ""
    assert "cannot be seen from here" in dict(plan.facts)["room"]
    outcome = action.apply(context, plan)
    assert outcome.ok, outcome.summary
    assert "20000 rows in 2 tables, as in the dump's snapshot" in outcome.summary
    with connect(replace(server.route, database="arp")) as connection:
        connection.execute('DROP TABLE "odd "" name"')
    swap = SwapDatabase(arp)
    swapped = swap.apply(context, swap.plan(context))
    assert swapped.ok
    assert sorted(rows_of(inside).values()) == [0, 20_000]


def test_event_triggers_do_not_fire_and_views_are_filled_by_commands_alone(
    server: TempServer, arp: Target, inside: Route, context: Context, request: pytest.FixtureRequest
) -> None:
    script = """
        CREATE TABLE noted (tag text);
        CREATE MATERIALIZED VIEW "all of It" AS SELECT count(*) AS n FROM noted;
        CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO public.noted VALUES (tg_tag); END $$;
        CREATE EVENT TRIGGER always ON ddl_command_end EXECUTE FUNCTION note();
        ALTER EVENT TRIGGER always ENABLE ALWAYS;
    """
    with connect(replace(server.route, database="arp")) as connection:
        connection.execute(script)
    action = Restore(arp, request.getfixturevalue("saved"))
    outcome = action.apply(context, action.plan(context))
    assert outcome.ok, outcome.summary
    assert "changed by the restore" not in outcome.summary
    with connect(replace(server.route, database=outcome.values["database"])) as connection:
        assert connection.execute('SELECT n FROM "all of It"').fetchone() == (0,)
        assert connection.execute("SELECT evtenabled FROM pg_event_trigger").fetchone() == ("A",)


def test_cut_backup_leaves_no_database(server: TempServer, arp: Target, context: Context, saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-20_000])
    action = Restore(arp, saved)
    with pytest.raises(Failed, match="damaged"):
        action.apply(context, action.plan(context))
    with connect(server.route) as connection:
        assert connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE '%restored%'").fetchone() == (0,)


def pour(sink: ContainerRestore) -> None:
    """Far more than fits between us and the program inside."""
    for _ in range(500):
        sink.write(bytes(100_000))


def test_container_that_is_paused_in_mid_restore(
    client: DockerClient, inside: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_stream, "_LOOK", 0.2)
    sink = ContainerRestore(inside, ["--dbname", "arp"])
    wait_for(
        lambda: "pg_restore" in str(client.api.top(inside.container))
    )  # an engine does not survive a pause before it starts
    client.api.pause(inside.container)
    try:
        with pytest.raises(BrokenPipeError):
            pour(sink)
        with pytest.raises(restore_stream.CutShort, match=f"the container {inside.container} is paused") as caught:
            sink.finish()
        assert f"docker unpause {inside.container}" in caught.value.hint
    finally:
        client.api.unpause(inside.container)
        sink.stop()


@pytest.mark.parametrize("entries", [(), range(25_000)], ids=["all entries", "some entries"])
def test_restore_that_gives_up_in_the_container_is_not_waited_for(
    inside: Route, monkeypatch: pytest.MonkeyPatch, entries: Sequence[int]
) -> None:
    """The engine would take input for it for ever."""
    monkeypatch.setattr(restore_stream, "_LOOK", 0.2)
    sink = ContainerRestore(inside, ["--no-such-option"], entries)
    with pytest.raises(BrokenPipeError):
        pour(sink)
    code, said = sink.finish()
    sink.stop()
    assert code == 1
    assert "unrecognized option" in said.first
