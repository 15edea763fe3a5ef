"""A restore whose last part fails keeps the rows that came; the rows of single tables or schemas are restored alone."""

from __future__ import annotations

import pytest

from actions.emergency_backup import EmergencyBackup
from actions.restore import Restore
from actions.swap_database import SwapDatabase
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed
from tests.support.actions import run_action
from tests.support.logins import said
from tests.support.postgres import Server

pytestmark = pytest.mark.postgres
FUNCTION = (
    "CREATE OR REPLACE FUNCTION rate(int) RETURNS bigint IMMUTABLE LANGUAGE plpgsql"
    " AS 'BEGIN RETURN (SELECT max(id) FROM {}); END'"
)
SPOILT = (
    "CREATE TABLE rates AS SELECT 1 AS id",
    "CREATE TABLE t AS SELECT generate_series(1, 20) AS id",
    "ALTER TABLE t ADD PRIMARY KEY (id)",
    FUNCTION.format("public.rates"),
    "CREATE INDEX t_rate ON t (rate(id))",
    "CREATE UNIQUE INDEX t_other_rate ON t (rate(id), id)",
    FUNCTION.format("rates"),
)


def test_failure_of_the_last_part_keeps_the_rows_lists_what_is_missing_and_lets_the_operator_decide(
    primary: Server, one: Target, context: Context
) -> None:
    primary.sql(*SPOILT, f"COMMENT ON DATABASE {one.database} IS 'Payments'", database=one.database)
    run_action(EmergencyBackup(one, validate=True), context)
    action, before = Restore(one), context.clock.now()
    outcome = run_action(action, context)
    name = outcome.values["database"]
    assert not outcome.ok
    assert "(21 rows in 2 tables, as in the dump's snapshot) but is NOT whole, 2 objects missing:" in outcome.summary
    assert "INDEX t_rate" in outcome.summary
    assert 'First: INDEX t_other_rate: could not execute query: relation "rates" does not exist' in outcome.summary
    assert said(context).count("[ERROR] Not restored: INDEX t_") == 2
    assert primary.sql("SELECT count(*) FROM t", database=name) == [(20,)]
    key = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass"
    assert primary.sql(key, database=name) == [("t_pkey",)]
    verified = action.verify(context, before)
    assert (verified.ok, "has all rows but is NOT whole" in verified.summary) == (False, True)
    assert "no database that was restored and checked" in SwapDatabase(one).plan(context).refusal
    assert "has all rows and is not whole" in SwapDatabase(one, restored=name).plan(context).refusal
    assert "it cannot be restored whole" in run_action(ValidateBackup(target=one, restore=True), context).summary
    primary.sql(FUNCTION.format("public.rates"), "CREATE INDEX t_rate ON t (rate(id))", database=name)
    assert run_action(SwapDatabase(one, restored=name, incomplete=True), context).ok
    comment = f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{one.database}'"
    assert primary.sql(comment) == [("Payments",)]


def test_failure_before_the_last_part_still_removes_the_database(
    primary: Server, one: Target, context: Context
) -> None:
    primary.sql(
        "CREATE TABLE rates AS SELECT 1 AS id",
        "CREATE TABLE t AS SELECT generate_series(1, 20) AS id",
        FUNCTION.format("public.rates"),
        "ALTER TABLE t ADD CHECK (rate(id) > 0)",
        FUNCTION.format("rates"),
        database=one.database,
    )
    run_action(EmergencyBackup(one, validate=True), context)
    with pytest.raises(Failed) as caught:
        run_action(Restore(one), context)
    assert 'TABLE DATA t: COPY failed for table "t": relation "rates" does not exist' in caught.value.sentence
    assert "public.rate(integer)" in caught.value.sentence
    assert primary.sql(f"SELECT count(*) FROM pg_database WHERE datname LIKE '{one.database}_%'") == [(0,)]


def test_rows_of_single_tables_and_schemas_are_restored_beside_empty_ones_and_never_swapped(
    primary: Server, one: Target, context: Context
) -> None:
    primary.sql(
        "CREATE TABLE parent AS SELECT generate_series(1, 30) AS id",
        "ALTER TABLE parent ADD PRIMARY KEY (id)",
        "CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent)",
        "INSERT INTO child (parent) SELECT generate_series(1, 7)",
        'CREATE SCHEMA "Odd one" CREATE TABLE "A\nb" (id int) CREATE TABLE c (id int)',
        'INSERT INTO "Odd one"."A\nb" VALUES (1), (2)',
        'INSERT INTO "Odd one".c VALUES (3)',
        "CREATE TABLE whole (id int) PARTITION BY LIST (id)",
        "CREATE TABLE half PARTITION OF whole DEFAULT PARTITION BY LIST (id)",
        "CREATE TABLE quarter PARTITION OF half DEFAULT",
        "INSERT INTO whole VALUES (1)",
        "SELECT lo_from_bytea(4712, 'large')",
        "COMMENT ON LARGE OBJECT 4712 IS 'not restored either'",
        "GRANT SELECT ON LARGE OBJECT 4712 TO arp_app",
        database=one.database,
    )
    run_action(EmergencyBackup(one, validate=True, digests=True), context)
    action = Restore(one, tables=("public.child", '"Odd one"."A\nb"', "whole"))
    plan = action.plan(context)
    assert dict(plan.facts)["only"].startswith(
        'the rows of public.child, "Odd one"."A\nb", whole; other tables stay empty'
    )
    outcome = action.apply(context, plan)
    name = outcome.values["database"]
    assert (outcome.ok, name.startswith(f"{one.database}_tables_")) == (True, True), outcome.summary
    assert "10 rows in 5 tables, as in the dump's snapshot, and so is the content of each" in outcome.summary
    count = (
        'SELECT (SELECT count(*) FROM child), (SELECT count(*) FROM parent), (SELECT count(*) FROM "Odd one"."A\nb")'
    )
    assert primary.sql(count, database=name) == [(7, 0, 2)]
    assert primary.sql("SELECT nextval('child_id_seq')", database=name) == [(8,)]
    assert "is no restored database" in SwapDatabase(one, restored=name, incomplete=True).plan(context).refusal
    by_schema = run_action(Restore(one, schemas=("Odd one",)), context)
    assert "3 rows in 5 tables" in by_schema.summary
    refusal = Restore(one, tables=("nowhere",)).plan(context).refusal
    assert "The backup has no rows of nowhere" in refusal
    assert "public parent postgres" in refusal
