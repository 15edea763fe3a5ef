"""A restore where only commands inside the container reach the server, as for a user of the group docker."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from host_world import BIN

from actions import restore as restoring
from actions import swap_database as swapping
from actions.dump_stream import dump
from actions.restore import Restore
from actions.swap_database import SwapDatabase
from drill import image
from midwatch.action import Context
from midwatch.clock import iso
from midwatch.errors import Failed
from midwatch.runbook.model import Target, TargetKind
from probes.manifest import Manifest
from probes.postgres.connect import Route, connect
from probes.postgres.content import count_rows, rows_of
from probes.postgres.scratch import Scratch
from probes.postgres.scratch_container import scratch_container

pytestmark = [pytest.mark.docker, pytest.mark.postgres]
SCRIPT = """
CREATE TABLE "odd "" name" AS SELECT g, 'row ' || g AS what FROM generate_series(1, 20000) g;
CREATE TABLE "with a
line break" (n int);
"""


@pytest.fixture
def server(client: object) -> Iterator[Scratch]:
    with (
        tempfile.TemporaryDirectory(prefix="mws-", dir="/tmp") as place,
        scratch_container(image.ensure(), Path(place), 0) as found,
    ):
        with connect(found.route) as connection:
            connection.execute("CREATE DATABASE arp")
        with connect(replace(found.route, database="arp")) as connection:
            connection.execute(SCRIPT.encode())
        yield found


@pytest.fixture
def inside(server: Scratch) -> Route:
    container = Path(server.route.host).parent.name
    return Route("exec", "", server.route.port, "postgres", "arp", "ARP", container)


@pytest.fixture
def arp(inside: Route) -> Target:
    return Target("arp-db-prod", TargetKind.DOCKER, "arp", "ARP", container=inside.container, user="postgres")


@pytest.fixture
def context(make_context: Callable[..., Context], inside: Route, monkeypatch: pytest.MonkeyPatch) -> Context:
    """As root we would see the socket in any case."""
    for module in (restoring, swapping):
        monkeypatch.setattr(module, "superuser_route", lambda book, target: replace(inside, database=target.database))
    made = make_context()
    return replace(made, runbook=replace(made.runbook, places={**made.runbook.places, "pg_bin": str(BIN)}))


@pytest.fixture
def saved(inside: Route, server: Scratch, context: Context, tmp_path: Path) -> Path:
    path, began = tmp_path / "arp.dump.gz", iso(context.clock.now())
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
    server: Scratch, arp: Target, inside: Route, context: Context, saved: Path
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


def test_a_cut_backup_leaves_no_database(server: Scratch, arp: Target, context: Context, saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-20_000])
    action = Restore(arp, saved)
    with pytest.raises(Failed, match="damaged"):
        action.apply(context, action.plan(context))
    with connect(server.route) as connection:
        assert connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE '%restored%'").fetchone() == (0,)
