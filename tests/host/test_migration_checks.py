"""The migration pre-checks on a real PostgreSQL server, with what makes a migration hang or break caused for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actions.checks.migration_checks import MigrationChecks
from actions.diagnose_access import DiagnoseAccess
from actions.diagnose_disk import DiagnoseDisk
from drill.servers.clusters import Server
from midwatch.api.action import Context
from midwatch.runbook.targets import Target, TargetKind
from probes.postgres.embedded import engine_for
from probes.postgres.migration_readiness import readiness
from tests.support.host_world import BIN, PASSWORD, Heard

if TYPE_CHECKING:
    from probes.postgres.connect import Connection

pytestmark = pytest.mark.postgres


@pytest.fixture
def context(server: Server, make_context: Callable[..., Context], tmp_path: Path) -> Context:
    pgpass = tmp_path / "pgpass"
    pgpass.write_text(f"127.0.0.1:{server.port}:*:arp_app:{PASSWORD}\n")
    pgpass.chmod(0o600)
    (tmp_path / "backups" / "prod").mkdir(parents=True)
    target = Target(
        "arp-db-prod",
        TargetKind.LOCAL,
        "arp",
        "ARP",
        host="127.0.0.1",
        port=server.port,
        socket=str(server.socket),
        user="arp_app",
    )
    made = make_context(targets={"arp-db-prod": target})
    return replace(made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pgpass": str(pgpass)}))


@pytest.fixture
def session(server: Server) -> Iterator[Connection]:
    import psycopg

    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="arp_app", password=PASSWORD, dbname="arp", application_name="migrate"
    ) as made:
        yield made


def failing(context: Context, longest: float = 600.0) -> dict[str, str]:
    findings = readiness(context.runbook, context.runbook.targets["arp-db-prod"], longest)
    return {finding.name: finding.text for finding in findings if not finding.ok}


def test_quiet_server_is_ready(context: Context) -> None:
    found = readiness(context.runbook, context.runbook.targets["arp-db-prod"], 600)
    assert len(found) == 9
    assert all(finding.ok for finding in found)
    assert found[0].text.startswith("PostgreSQL 18")


def test_long_transaction_is_named(context: Context, session: Connection) -> None:
    session.execute("SELECT 1")
    found = failing(context, longest=0.0)
    assert list(found) == ["ARP has no transaction older than 0 s"]
    assert f"pid {session.info.backend_pid}, arp_app, migrate" in next(iter(found.values()))
    assert failing(context) == {}


def test_invalid_index_and_a_read_only_database(context: Context, session: Connection) -> None:
    import psycopg

    session.autocommit = True
    session.execute("CREATE TABLE twice AS SELECT 1 AS n UNION ALL SELECT 1")
    with pytest.raises(psycopg.errors.UniqueViolation):
        session.execute("CREATE UNIQUE INDEX CONCURRENTLY one_of_each ON twice (n)")
    session.execute("ALTER ROLE arp_app SET default_transaction_read_only = on")
    try:
        found = failing(context)
    finally:
        session.execute("ALTER ROLE arp_app RESET default_transaction_read_only")
        session.execute("DROP TABLE twice")
    assert found == {
        "ARP takes writes": "default_transaction_read_only is on",
        "ARP has no invalid index": "one_of_each",
    }


def expecting(context: Context, **expected: Any) -> dict[str, str]:
    target = replace(context.runbook.targets["arp-db-prod"], **expected)
    return {finding.name: finding.text for finding in readiness(context.runbook, target, 600) if not finding.ok}


def test_versions_and_extensions_are_those_that_the_runbook_expects(context: Context) -> None:
    assert expecting(context, version="18", extensions=("plpgsql", "plpgsql 1.0")) == {}
    assert expecting(context, version="1") == {
        "ARP runs PostgreSQL 1": expecting(context, version="1")["ARP runs PostgreSQL 1"]
    }
    assert next(iter(expecting(context, version="15.8").values())).startswith("18.")
    assert expecting(context, extensions=("plpgsql 2", "no_such")) == {
        "ARP has the extensions that are expected": "plpgsql is 1.0, not 2, no_such is missing"
    }


def test_outdated_extension_is_named(context: Context, server: Server) -> None:
    """As after an upgrade of the server's packages: the files bring a newer version than the database has."""
    folder = next((BIN.parent / "share").rglob("extension"))
    files = {"midwatch_old.control": "default_version = '1.1'\n", "midwatch_old--1.0.sql": "SELECT 1;\n"}
    engine = engine_for(server.data.parent)
    try:
        for name, text in files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        server.sql(engine, "CREATE EXTENSION midwatch_old VERSION '1.0'")
        found = failing(context)
        (folder / "midwatch_old.control").unlink()
        lost = failing(context)
    finally:
        server.sql(engine, "DROP EXTENSION IF EXISTS midwatch_old")
        for name in files:
            (folder / name).unlink(missing_ok=True)
    assert found == {
        "ARP has no outdated extension": "midwatch_old 1.0, the server brings 1.1 (ALTER EXTENSION … UPDATE)"
    }
    assert lost == {"ARP has every extension's files": "midwatch_old"}


def test_somebody_who_waits_for_a_lock_is_named_with_the_blocker(
    context: Context, session: Connection, server: Server
) -> None:
    import threading
    import time

    import psycopg

    session.execute("CREATE TABLE held ()")
    session.commit()
    session.execute("LOCK TABLE held")
    args = {"host": "127.0.0.1", "port": server.port, "user": "arp_app", "password": PASSWORD, "dbname": "arp"}
    with psycopg.connect(**args, autocommit=True) as waiter:  # type: ignore[arg-type]
        thread = threading.Thread(target=waiter.execute, args=("DROP TABLE held",))
        thread.start()
        deadline = time.monotonic() + 20
        found: dict[str, str] = {}
        while not found and time.monotonic() < deadline:
            found = failing(context)
        session.rollback()
        thread.join(20)
        expected = f"pid {waiter.info.backend_pid} waits for {session.info.backend_pid}"
    assert found == {"ARP has nobody waiting for a lock": expected}


def test_refused_login_is_one_clear_finding(context: Context) -> None:
    context.location("pgpass").write_text("127.0.0.1:*:*:arp_app:wrong password\n")
    found = failing(context)
    assert list(found) == ["ARP answers"]
    assert "authentication failed" in found["ARP answers"]


def test_action_lists_each_and_counts_what_cannot_be_told_as_not_passed(context: Context, heard: Heard) -> None:
    outcome = MigrationChecks(
        pending="sh -c 'echo 2 migrations pending; exit 1'", container="no-such-container"
    ).evaluate(context)
    assert not outcome.ok
    assert "[OK] ARP answers: PostgreSQL 18" in heard.text
    assert "[FAIL] migrations: 2 migrations pending" in heard.text
    assert "[FAIL] ./validate.sh in no-such-container" in heard.text
    assert "[FAIL] nightly backup" in heard.text
    assert "[OK] freeze, for information: Not frozen" in heard.text
    assert "migrations" in outcome.values["failed"]
    assert MigrationChecks(pending="no-such-program").evaluate(context).values["passed"] == outcome.values["passed"]


def test_size_of_a_database_is_asked_by_sql(context: Context, heard: Heard, tmp_path: Path) -> None:
    action = DiagnoseDisk(target=context.runbook.targets["arp-db-prod"], paths=(tmp_path,))
    outcome = action.apply(context, action.plan(context))
    assert int(outcome.values["database"]) > 5_000_000
    assert "runs in no container" in heard.text


def test_server_is_asked_where_its_log_is(context: Context, heard: Heard) -> None:
    context.location("audit").parent.mkdir()
    context.location("audit").touch()
    context.location("pgpass").write_text("127.0.0.1:*:*:arp_app:wrong password\n")
    assert list(failing(context)) == ["ARP answers"]
    action = DiagnoseAccess()
    outcome = action.apply(context, action.plan(context))
    assert "says that it logs to" in heard.text
    assert int(outcome.values["refused_logins"]) >= 1
    assert "arp_app at arp-db-prod from 127.0.0.1, wrong password" in heard.text
