"""Servers behind PgBouncer as its package sets it up: it takes no settings when a client logs in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from actions.checks.password import CheckPassword
from actions.credentials.dependents import ask_dependents
from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from actions.restore import Restore
from midwatch.api.action import Context
from midwatch.runbook.targets import Dependent, Target
from midwatch.system.errors import Failed
from probes.backup.backup_catalog import backups_of
from probes.postgres.activity import read_activity
from probes.postgres.connect import connect
from probes.postgres.migration_readiness import readiness
from probes.postgres.role import read_role, run_quietly, set_verifier, verifier
from probes.postgres.routes import login_route, password_file, superuser_route
from tests.support.logins import PASSWORD, MakeContext
from tests.support.pooler import pooler
from tests.support.postgres import Server, short_folder

pytestmark = pytest.mark.postgres
USERS = {"arp_app": PASSWORD, "postgres": "any, since the server trusts it"}


@pytest.fixture(scope="module", params=["session", "transaction"])
def port(primary: Server, request: pytest.FixtureRequest) -> Iterator[int]:
    with short_folder() as folder, pooler(folder, primary, USERS, pool_mode=request.param) as found:
        yield found


@pytest.fixture
def pooled(primary: Server, database: str, port: int) -> Target:
    primary.sql("CREATE TABLE kept AS SELECT generate_series(1, 500) AS id", database=database)
    primary.sql("ALTER TABLE kept OWNER TO arp_app", database=database)
    return primary.target(name="one", label="ONE", database=database, user="arp_app", port=port, socket="")


@pytest.fixture
def context(make_context: MakeContext, pooled: Target) -> Context:
    made = make_context({"one": pooled})
    file = password_file(made.runbook)
    file.write_text(f"{file.read_text()}127.0.0.1:{pooled.port}:*:postgres:{USERS['postgres']}\n")
    return made


def test_login_through_a_pooler_works_and_leaves_no_setting_in_its_sessions(
    primary: Server, context: Context, pooled: Target
) -> None:
    assert read_activity(context.runbook, pooled).used_password
    assert CheckPassword(pooled).evaluate(context).ok
    assert [one.text for one in readiness(context.runbook, pooled, 60.0) if not one.ok] == []
    route = login_route(pooled)
    with (
        connect(route, pgpass=password_file(context.runbook), statement=0.2) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("SELECT pg_sleep(60)")
    for _ in range(3):
        with psycopg.connect(
            host=route.host, port=route.port, user=route.user, password=PASSWORD, dbname=route.database
        ) as other:
            assert other.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_dependent_behind_a_pooler_gets_in(primary: Server, context: Context, pooled: Target) -> None:
    direct = primary.target(name="direct", database=pooled.database, user="arp_app")
    direct = replace(direct, dependents=(Dependent("the pooler", target="one"),))
    (asked,) = ask_dependents(context.runbook, replace(direct, port=pooled.port))
    assert (asked.ok, asked.text) == (True, f"arp_app logs in by TCP 127.0.0.1:{pooled.port}")


@pytest.mark.parametrize("action", ["nightly", "emergency"])
def test_backup_through_a_pooler_is_good_to_depth_4(context: Context, pooled: Target, action: str) -> None:
    made = NightlyBackup() if action == "nightly" else EmergencyBackup(pooled, validate=True)
    plan = made.plan(context)
    assert plan.refusal == ""
    outcome = made.apply(context, plan)
    (backup,) = backups_of(context.runbook, pooled)
    assert backup.manifest is not None
    assert (outcome.ok, backup.manifest.depth, backup.manifest.rows) == (True, 4, {"public.kept": 500})


def test_superuser_through_a_pooler_changes_a_password_quietly_and_restores_nothing(
    context: Context, pooled: Target, tmp_path: Path
) -> None:
    route = superuser_route(context.runbook, pooled)
    assert str(route) == f"TCP 127.0.0.1:{pooled.port} through a pooler"
    former = read_role(route, "arp_app")
    assert former is not None
    try:
        set_verifier(route, "arp_app", verifier("another"))
    finally:
        set_verifier(route, "arp_app", former.verifier)
    assert read_role(route, "arp_app") == former
    assert run_quietly(route, "SHOW log_statement") == "none"
    with psycopg.connect(
        host=route.host, port=route.port, user="postgres", password=USERS["postgres"], dbname=route.database
    ) as other:
        assert other.execute("SHOW log_min_error_statement").fetchone() == ("error",)
    file = tmp_path / "one.dump.gz"
    file.write_bytes(b"any")
    assert "is reached through a pooler only" in Restore(pooled, file).plan(context).refusal


def test_refusal_of_a_server_that_answers_is_no_question_whether_the_server_runs(
    primary: Server, context: Context, pooled: Target
) -> None:
    with short_folder() as folder, pooler(folder, primary, USERS, max_client_conn="1") as port:
        route = replace(login_route(pooled), port=port)
        given = {"host": route.host, "port": port, "user": "arp_app", "password": PASSWORD, "dbname": route.database}
        with psycopg.connect(**given), pytest.raises(Failed) as caught:  # type: ignore[arg-type]
            connect(route, password=PASSWORD)
    assert "takes no more connections: no more connections allowed" in str(caught.value)
