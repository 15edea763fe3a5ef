"""Logical replication between two real servers, beside restore, swap and a new password: told before, and cleaned up
after."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from actions.emergency_backup import EmergencyBackup
from actions.reset_password import ResetPassword
from actions.restore import Restore
from actions.restoring.restore_database import drop, inspect_server, made_at
from actions.swap_database import SwapDatabase
from midwatch.api.action import Context
from midwatch.api.plan import Plan
from midwatch.runbook.loader import load
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from midwatch.system.errors import MidwatchError
from probes.backup.manifest import Manifest
from probes.postgres.routes import superuser_route
from tests.support.listening_server import RUNBOOK, Listening
from tests.support.postgres import Server, server, short_folder
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres
DOCS = Path(__file__).parents[2] / "docs" / "actions" / "swap-database.md"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    """A publisher and a subscriber."""
    with (
        short_folder() as folder,
        server(folder / "p", wal_level="logical") as publisher,
        server(folder / "s", wal_level="logical") as subscriber,
    ):
        yield publisher, subscriber


@pytest.fixture
def pair(servers: tuple[Server, Server]) -> Iterator[tuple[Server, Server]]:
    """The database `arp` on either: published here, subscribed there as the role `feed`, and copied once."""
    publisher, subscriber = servers
    for one in servers:
        one.sql("CREATE DATABASE arp")
        one.sql("CREATE TABLE stock (id int PRIMARY KEY, what text)", database="arp")
    publisher.sql("CREATE ROLE feed LOGIN REPLICATION SUPERUSER PASSWORD 'never shown'")
    publisher.sql("INSERT INTO stock VALUES (1, 'before')", "CREATE PUBLICATION goods FOR TABLE stock", database="arp")
    conninfo = f"host=127.0.0.1 port={publisher.port} user=feed dbname=arp password=''never shown''"
    subscriber.sql(f"CREATE SUBSCRIPTION feed_goods CONNECTION '{conninfo}' PUBLICATION goods", database="arp")
    wait_for(lambda: subscriber.sql("SELECT what FROM stock", database="arp") == [("before",)])
    yield servers
    for one in (subscriber, publisher):
        for (name,) in one.sql("SELECT datname FROM pg_database WHERE datname LIKE 'arp%'"):
            which = (
                f"SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = '{name}'"
            )
            for (found,) in one.sql(which):
                gone = [f"ALTER SUBSCRIPTION {found} {what}" for what in ("DISABLE", "SET (slot_name = NONE)")]
                one.sql(*gone, f"DROP SUBSCRIPTION {found}", database=str(name))
        wait_for(lambda one=one: not one.sql("SELECT 1 FROM pg_replication_slots WHERE active"))  # type: ignore[misc]
        one.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        for (name,) in one.sql("SELECT datname FROM pg_database WHERE datname LIKE 'arp%'"):
            one.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    publisher.sql("DROP ROLE feed")


@pytest.fixture
def context(servers: tuple[Server, Server], tmp_path: Path) -> Context:
    file = tmp_path / "runbook.yaml"
    file.write_text(RUNBOOK)
    found = load(file)
    mine = {
        name: str(tmp_path / name) for name in ("pgpass", "audit", "backups", "emergency", "logs", "credential_backups")
    }
    mine["pg_bin"] = str(servers[0].engine.bin)
    return Context(replace(found, locations={**found.locations, **mine}), Listening(), SystemClock(), "ada@test")


def saved(target: Target, context: Context) -> Path:
    action = EmergencyBackup(target, digests=True)
    path = Path(action.apply(context, action.plan(context)).values["path"])
    manifest = Manifest.read(path)
    assert manifest is not None
    replace(manifest, depth=4).write(path)
    return path


def restored(target: Target, context: Context) -> str:
    action = Restore(target, saved(target, context))
    outcome = action.apply(context, action.plan(context))
    assert outcome.ok, outcome.summary
    return outcome.values["database"]


def told(plan: Plan, label: str) -> str:
    return "\n".join(text for name, text in plan.facts if name == label)


def psql(server: Server, script: str) -> None:
    argv = [server.engine.program("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-d", f"{server.conninfo} dbname=postgres"]
    done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_swap_that_would_break_a_publisher_is_refused_with_what_to_run(
    pair: tuple[Server, Server], context: Context
) -> None:
    publisher, subscriber = pair
    target = publisher.target(database="arp")
    name = restored(target, context)
    plan = SwapDatabase(target).plan(context)
    assert re.search(r"of arp: feed_goods \(pgoutput, active, keeps .* of WAL\)", told(plan, "slot"))
    assert "of arp: goods" in told(plan, "publications")
    assert f"of {name}: goods" in told(plan, "publications")
    assert "would stay with the database that is put aside" in plan.refusal
    assert "SELECT pg_drop_replication_slot('feed_goods');" in plan.refusal
    with pytest.raises(MidwatchError, match="logical slots"):
        SwapDatabase(target).apply(context, plan)
    subscriber.sql(
        "ALTER SUBSCRIPTION feed_goods DISABLE", "ALTER SUBSCRIPTION feed_goods SET (slot_name = NONE)", database="arp"
    )
    wait_for(lambda: not publisher.sql("SELECT 1 FROM pg_replication_slots WHERE active"))
    publisher.sql(*re.findall(r"SELECT pg_drop\S+", plan.refusal))
    plan = SwapDatabase(target).plan(context)
    assert plan.refusal == ""
    outcome = SwapDatabase(target).apply(context, plan)
    assert outcome.ok
    assert publisher.sql("SELECT what FROM stock", database="arp") == [("before",)]


def test_swap_of_a_subscriber_waits_until_its_subscription_is_disabled(
    pair: tuple[Server, Server], context: Context
) -> None:
    publisher, subscriber = pair
    target = subscriber.target(database="arp")
    path = saved(target, context)
    plan = Restore(target, path).plan(context)
    where = f"slot feed_goods of 127.0.0.1:{publisher.port}"
    assert f"of arp: feed_goods (enabled, {where})" in told(plan, "subscription")
    assert "in the backup: feed_goods postgres; it comes disabled" in told(plan, "subscription")
    assert "never shown" not in str(plan)
    name = Restore(target, path).apply(context, plan).values["database"]
    plan = SwapDatabase(target).plan(context)
    assert f"of {name}: feed_goods (disabled, {where})" in told(plan, "subscription")
    assert "would go on writing into the database that is put aside" in plan.refusal
    assert 'in arp: ALTER SUBSCRIPTION "feed_goods" DISABLE;' in plan.refusal
    before, _, later = plan.refusal.partition("After the swap")
    first, after = (re.findall(r"ALTER SUBSCRIPTION [^;…]+;", part) for part in (before, later))
    assert (len(first), len(after)) == (1, 2)
    subscriber.sql(*first, database="arp")
    plan = SwapDatabase(target).plan(context)
    assert plan.refusal == ""
    outcome = SwapDatabase(target).apply(context, plan)
    kept = outcome.values["kept"]
    subscriber.sql(*after, database="arp")
    publisher.sql("INSERT INTO stock VALUES (2, 'after')", database="arp")
    wait_for(lambda: subscriber.sql("SELECT what FROM stock WHERE id = 2", database="arp") == [("after",)])
    lines = "\n".join(context.console.said)  # type: ignore[attr-defined]
    assert f'DROP DATABASE "{kept}";' in lines
    with pytest.raises(psycopg.errors.ObjectInUse):
        subscriber.sql(f'DROP DATABASE "{kept}"')
    documented = re.search(r"```sql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert documented is not None
    script = documented[1].replace("arp_before_20261123_021407", kept).replace("SUBSCRIPTION_NAME", "feed_goods")
    psql(subscriber, "\n".join(line for line in script.splitlines() if "SLOT_NAME" not in line))
    assert not subscriber.sql(f"SELECT 1 FROM pg_database WHERE datname = '{kept}'")
    publisher.sql("INSERT INTO stock VALUES (3, 'still')", database="arp")
    wait_for(lambda: subscriber.sql("SELECT what FROM stock WHERE id = 3", database="arp") == [("still",)])


def test_lines_that_a_swap_prints_remove_what_was_put_aside_with_its_slots(
    pair: tuple[Server, Server], context: Context
) -> None:
    """A slot made after the plan, as of a subscriber that comes back."""
    from actions.support.replication_facts import removal_lines
    from probes.postgres.logical_replication import read_replication
    from probes.postgres.routes import superuser_route

    publisher, subscriber = pair
    target = publisher.target(database="arp")
    subscriber.sql("ALTER SUBSCRIPTION feed_goods DISABLE", database="arp")
    wait_for(lambda: not publisher.sql("SELECT 1 FROM pg_replication_slots WHERE active"))
    found = read_replication(superuser_route(context.runbook, replace(target, database="postgres")), "arp")
    psql(publisher, "\n".join(removal_lines(found, "arp")))
    assert not publisher.sql("SELECT 1 FROM pg_database WHERE datname = 'arp'")
    assert not publisher.sql("SELECT 1 FROM pg_replication_slots")


def test_failed_restore_with_a_subscription_says_its_first_cause_and_is_dropped_whole(
    pair: tuple[Server, Server], context: Context
) -> None:
    publisher, subscriber = pair
    target = subscriber.target(database="arp")
    script = """
        CREATE TABLE held (n int); INSERT INTO held VALUES (1);
        CREATE FUNCTION only_here(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
            IF current_database() <> 'arp' THEN RAISE 'the first cause'; END IF; RETURN n; END $$;
        CREATE INDEX ON held (only_here(n));
    """
    subscriber.sql(script, database="arp")
    path = saved(target, context)
    outcome = Restore(target, path).apply(context, Restore(target, path).plan(context))
    assert (outcome.ok, "the first cause" in outcome.summary) == (False, True), "the rows are kept for the operator"
    route = superuser_route(context.runbook, replace(target, database="postgres"))
    assert drop(route, outcome.values["database"], inspect_server(route, "arp").version) == ""
    names = [str(name) for (name,) in subscriber.sql("SELECT datname FROM pg_database")]
    assert not [name for name in names if made_at(name) is not None]
    publisher.sql("INSERT INTO stock VALUES (4, 'goes on')", database="arp")
    wait_for(lambda: subscriber.sql("SELECT what FROM stock WHERE id = 4", database="arp") == [("goes on",)])


def test_new_password_names_the_subscription_that_uses_the_role(pair: tuple[Server, Server], context: Context) -> None:
    publisher, subscriber = pair
    plan = ResetPassword(publisher.target(database="arp", user="feed")).plan(context)
    assert "feed_goods from 127.0.0.1" in told(plan, "replication")
    assert "ALTER SUBSCRIPTION … CONNECTION" in told(plan, "replication")
    subscriber.sql("CREATE ROLE feed LOGIN")
    try:
        plan = ResetPassword(subscriber.target(database="arp", user="feed")).plan(context)
    finally:
        subscriber.sql("DROP ROLE feed")
    assert "feed_goods (enabled" in told(plan, "subscription")
    assert 'ALTER SUBSCRIPTION "feed_goods" CONNECTION' in told(plan, "subscription")
    assert "never shown" not in str(plan)
