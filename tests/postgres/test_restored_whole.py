"""What a restored database takes over, and which limits do not end its restore."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from actions.restore import Restore
from actions.swap_database import SwapDatabase
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed
from probes.postgres.connect import NoSuchDatabase
from probes.postgres.routes import superuser_route
from tests.support.actions import run_action
from tests.support.postgres import Server

pytestmark = pytest.mark.postgres

OF_DATABASE = """
SELECT datconnlimit, coalesce(shobj_description(oid, 'pg_database'), ''), pg_get_userbyid(datdba),
    datacl::text, (SELECT spcname FROM pg_tablespace t WHERE t.oid = dattablespace),
    (SELECT array_agg(setconfig::text) FROM pg_db_role_setting WHERE setdatabase = d.oid)
FROM pg_database d WHERE datname = '{}'
"""


def saved(one: Target, context: Context) -> str:
    """A validated backup of a few rows."""
    return run_action(EmergencyBackup(one, validate=True), context).values["path"]


def test_settings_rights_and_place_of_a_database_of_any_name_survive_a_restore_and_a_swap(
    primary: Server, one: Target, context: Context
) -> None:
    one = replace(one, database="one=1/2")  # to programs a bare name with = is a connection string, and no file has a /
    context = replace(context, runbook=replace(context.runbook, targets={"one": one}))
    folder = primary.sockets / "fast"
    folder.mkdir()
    os.chown(folder, primary.engine.identity.uid, primary.engine.identity.gid)
    primary.sql(
        'ALTER DATABASE one RENAME TO "one=1/2"',
        f"CREATE TABLESPACE fast LOCATION '{folder}'",
        'ALTER DATABASE "one=1/2" SET TABLESPACE fast',
        'ALTER DATABASE "one=1/2" CONNECTION LIMIT 17',
        "COMMENT ON DATABASE \"one=1/2\" IS 'Owner: payments, it''s theirs\nCall: 4711'",
        "ALTER DATABASE \"one=1/2\" SET work_mem = '5MB'",
        "ALTER DATABASE \"one=1/2\" SET search_path = ''",
        'REVOKE ALL ON DATABASE "one=1/2" FROM PUBLIC, arp_app',
        'GRANT CONNECT ON DATABASE "one=1/2" TO arp_app',
    )
    primary.sql("CREATE TABLE public.t AS SELECT generate_series(1, 9) AS id", database=one.database)
    (before,) = primary.sql(OF_DATABASE.format(one.database))
    primary.sql("GRANT SELECT ON public.t TO arp_app", database=one.database)
    backups = Path(run_action(NightlyBackup(), context).values["set"])
    assert "one=1_2.dump.gz" in (backups / "checksums.sha256").read_text()
    saved(one, context)
    name = run_action(Restore(one), context).values["database"]
    (restored,) = primary.sql(OF_DATABASE.format(name))
    assert str(restored[1]).startswith(f"{before[1]}\nRestored and checked by midwatch: ")
    assert (restored[0], *restored[2:]) == (17, *before[2:])
    swapped = run_action(SwapDatabase(one), context)
    assert primary.sql(OF_DATABASE.format(one.database)) == [before]
    assert primary.sql(OF_DATABASE.format(swapped.values["kept"])) == [before]
    run_action(SwapDatabase(one, swapped.values["kept"]), context)
    assert primary.sql(OF_DATABASE.format(one.database)) == [before]


def test_limits_of_roles_and_databases_end_neither_backup_nor_restore_nor_its_check(
    primary: Server, one: Target, context: Context
) -> None:
    slow = (
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); "
        "RETURN 1; END'"
    )
    primary.sql(
        "CREATE TABLE t AS SELECT generate_series(1, 3) AS id",
        slow,
        "CREATE INDEX t_slow ON t (public.slow(id))",
        "CREATE MATERIALIZED VIEW v AS SELECT public.slow(id) FROM t",
        "GRANT SELECT ON t TO arp_app",
        database=one.database,
    )
    limits = ("transaction_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    primary.sql(*(f"ALTER ROLE postgres SET {name} = '250ms'" for name in limits))
    primary.sql("ALTER ROLE arp_app SET statement_timeout = '1ms'")
    try:
        saved(one, context)
        assert run_action(NightlyBackup(), context).ok
        outcome = run_action(Restore(one), context)
        assert run_action(ValidateBackup(target=one, restore=True), context).ok
    finally:
        primary.sql("ALTER ROLE postgres RESET ALL", "ALTER ROLE arp_app RESET ALL")
    assert (outcome.ok, "NOT filled" in outcome.summary) == (True, False)
    assert "3 rows in 1 table" in outcome.summary


def test_database_that_does_not_exist_is_said_and_no_way_in_is_missed(one: Target, context: Context) -> None:
    gone = replace(one, database="nowhere")
    with pytest.raises(NoSuchDatabase) as caught:
        superuser_route(context.runbook, gone)
    assert caught.value.sentence == "ONE answers, and has no database nowhere"
    assert isinstance(caught.value, Failed)
    assert "has no database nowhere. Check the target's database" in EmergencyBackup(gone).plan(context).refusal


def test_pg_dump_older_than_the_server_is_refused_by_every_plan_of_a_backup(
    one: Target, context: Context, tmp_path: Path
) -> None:
    older = tmp_path / "bin"
    older.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (older / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 9.6.1'\n")
        (older / name).chmod(0o755)
    places = {**context.runbook.locations, "pg_bin": str(older)}
    context = replace(context, runbook=replace(context.runbook, locations=places))
    for action in (EmergencyBackup(one), NightlyBackup()):
        refusal = action.plan(context).refusal
        assert "The server is PostgreSQL 18, and every pg_dump here is older" in refusal
        assert f"{older} has 9.6" in refusal
