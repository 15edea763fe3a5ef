"""What a dump will meet is said before it begins, with the target and a remedy that works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from actions.restore import Restore
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from probes.backup.backup_catalog import backups_of
from probes.postgres.dump_readiness import readiness_of
from probes.postgres.migration_readiness import readiness
from probes.postgres.unqualified_names import unqualified_relations
from tests.support.actions import run_action
from tests.support.logins import MakeContext, said
from tests.support.postgres import Server, server, short_folder, standby
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres


@pytest.fixture
def follower(primary: Server) -> Iterator[Server]:
    with short_folder() as folder, standby(folder / "s", primary) as made:
        yield made


def test_standby_with_an_unlogged_table_counts_all_others_and_says_what_is_missing(
    primary: Server, one: Target, make_context: MakeContext, follower: Server
) -> None:
    primary.sql(
        "CREATE TABLE kept AS SELECT generate_series(1, 40) AS id",
        "CREATE UNLOGGED TABLE cache AS SELECT generate_series(1, 7) AS id",
        database=one.database,
    )
    ((lsn,),) = primary.sql("SELECT pg_current_wal_lsn()::text")
    wait_for(lambda: follower.sql(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'") == [(True,)])
    there = replace(one, port=follower.port, socket=str(follower.sockets))
    context = make_context({"one": there})
    action = EmergencyBackup(there, validate=True, digests=True)
    warning = "a standby has no rows of unlogged tables, so the dump has none of public.cache: dump them on the primary"
    assert ("warning", warning) in action.plan(context).facts
    outcome = run_action(action, context)
    (backup,) = backups_of(context.runbook, there)
    assert backup.manifest is not None
    assert (backup.manifest.depth, backup.manifest.rows) == (4, {"public.kept": 40})
    assert list(backup.manifest.digests) == ["public.kept"]
    assert backup.manifest.left_out == ("the rows of public.cache, which is unlogged",)
    assert f"[WARN] one: {warning}" in said(context)
    assert "not counted" not in outcome.summary


def test_empty_database_is_saved_to_depth_4_and_restored(one: Target, context: Context) -> None:
    outcome = run_action(EmergencyBackup(one, validate=True), context)
    assert "depth 4, row counts match" in outcome.summary
    assert "depth 4" in run_action(ValidateBackup(target=one), context).summary
    assert "0 rows in 0 tables, as in the dump's snapshot" in run_action(Restore(one), context).summary
    run_action(NightlyBackup(), context)
    assert "depth 4, its roles beside it" in said(context)


def test_object_that_the_nightly_role_cannot_dump_is_refused_with_a_working_remedy(
    primary: Server, one: Target, context: Context
) -> None:
    primary.sql(
        "CREATE TABLE closed AS SELECT 1 AS id",
        "CREATE SCHEMA hidden CREATE TABLE deep (id serial)",
        "GRANT SELECT ON hidden.deep, hidden.deep_id_seq TO arp_app",
        "CREATE TABLE filtered AS SELECT generate_series(1, 5) AS id",
        "ALTER TABLE filtered ENABLE ROW LEVEL SECURITY",
        "GRANT SELECT ON filtered TO arp_app",
        "SELECT lo_from_bytea(0, 'a')",
        "SELECT lo_from_bytea(0, 'b')",
        database=one.database,
    )
    primary.sql("ALTER ROLE arp_app CONNECTION LIMIT 2")
    action = NightlyBackup()
    try:
        refusal = action.plan(context).refusal
        expected = [
            "one: arp_app may not read hidden.deep, hidden.deep_id_seq, public.closed: GRANT pg_read_all_data "
            "TO arp_app",
            "one: row security hides rows of public.filtered from arp_app: ALTER ROLE arp_app BYPASSRLS",
            "one: arp_app may not read 2 large objects: GRANT SELECT ON LARGE OBJECT … TO arp_app",
            "one: arp_app has 0 sessions of 2 that the role may have, and a dump takes 3:"
            " ALTER ROLE arp_app CONNECTION LIMIT 3",
        ]
        assert refusal.split("; ") == expected
        with primary.connect(one.database) as connection:
            for command in ("CREATE", "SET"):
                connection.execute(f'{command} ROLE "arp-reader"'.encode())
            remedies = [obstacle.remedy for obstacle in readiness_of(connection).obstacles]
        assert remedies[0] == 'GRANT pg_read_all_data TO "arp-reader"'
        (finding,) = [
            found for found in readiness(context.runbook, one, 60.0) if found.name == "ONE can be dumped by arp_app"
        ]
        assert not finding.ok
        assert all(line.removeprefix("one: ") in finding.text for line in expected[:3])
        primary.sql("GRANT pg_read_all_data TO arp_app", "ALTER ROLE arp_app BYPASSRLS CONNECTION LIMIT 3")
        grant = "DO $$ BEGIN EXECUTE (SELECT string_agg(format('GRANT SELECT ON LARGE OBJECT %s TO arp_app', oid), ';')"
        primary.sql(f"{grant} FROM pg_largeobject_metadata); END $$", database=one.database)
        assert run_action(action, context).ok
        assert all(found.ok for found in readiness(context.runbook, one, 60.0))
    finally:
        primary.sql("REVOKE pg_read_all_data FROM arp_app", "ALTER ROLE arp_app NOBYPASSRLS CONNECTION LIMIT -1")
        primary.sql('DROP ROLE IF EXISTS "arp-reader"')


def test_more_tables_than_locks_is_said_ahead(make_context: MakeContext) -> None:
    with short_folder() as folder, server(folder / "n", max_locks_per_transaction="10", max_connections="10") as narrow:
        script = "DO $$ BEGIN FOR i IN 1..{} LOOP EXECUTE 'CREATE TABLE t' || i || ' ()'; COMMIT; END LOOP; END $$"
        narrow.sql(script.format(700))
        target = narrow.target(name="narrow", label="NARROW")
        facts = dict(EmergencyBackup(target).plan(make_context({"narrow": target})).facts)
    assert facts["warning"].startswith("the dump needs 700 locks, ")
    assert facts["warning"].endswith(": raise max_locks_per_transaction, which needs a restart")


def test_functions_that_name_tables_without_a_schema_are_warned_of_and_the_remedy_restores(
    primary: Server, one: Target, context: Context
) -> None:
    body = "CREATE OR REPLACE FUNCTION {}(int) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN ({}); END'"
    primary.sql(
        "CREATE TABLE rates AS SELECT 1 AS id",
        "CREATE TABLE t AS SELECT generate_series(1, 10) AS id",
        body.format("rate", "SELECT max(id) /* FROM t */ FROM rates"),
        body.format("outer_rate", "SELECT rate($1)"),
        body.format("good", "SELECT max(id) FROM public.rates"),
        "CREATE FUNCTION same(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS"
        " 'SELECT $1 = $2 FROM (SELECT max(a.id) FROM public.rates a, rates) r'",
        "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same)",
        "ALTER TABLE t ADD CHECK (outer_rate(id) > 0), ADD CHECK (good(id) > 0), ADD CONSTRAINT own CHECK (id === id)",
        "ALTER TABLE t ADD d int DEFAULT rate(1)",
        "GRANT SELECT ON t, rates TO arp_app",
        database=one.database,
    )
    plan = EmergencyBackup(one).plan(context)
    warnings = [text for label, text in plan.facts if label == "warning"]
    assert warnings == [
        "constraint t_id_check on table t will not restore, since outer_rate(integer) names rate() without a schema:"
        " ALTER FUNCTION outer_rate(integer) SET search_path = …",
        "constraint t_id_check on table t will not restore, since rate(integer) names rates without a schema:"
        " ALTER FUNCTION rate(integer) SET search_path = …",
        "constraint own on table t will not restore, since same(integer,integer) names rates without a schema:"
        " ALTER FUNCTION same(integer,integer) SET search_path = …",
    ]
    run_action(NightlyBackup(), context)
    assert f"[WARN] one: {warnings[1]}" in said(context)
    mended = [f"ALTER FUNCTION {name} SET search_path = public" for name in ("outer_rate(integer)", "same(int, int)")]
    primary.sql(*mended, database=one.database)
    assert "warning" not in dict(EmergencyBackup(one).plan(context).facts)
    run_action(EmergencyBackup(one, validate=True), context)
    assert run_action(Restore(one), context).ok


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("SELECT count(*) FROM public.x, rates r WHERE true", {"rates"}),
        ("SELECT (SELECT 1 FROM (SELECT 2) s, rates)", {"rates"}),
        ("SELECT nextval('ids') + currval('public.ids'), 'rates'::regclass", {"ids", "rates"}),
        ("SELECT $1::mood, CAST($1 AS mood), $1::public.mood, $1::text", {"mood"}),
        (
            "DECLARE a CONSTANT mood := 'x'; b rates%ROWTYPE; c ids.id%TYPE; BEGIN RETURN a; END",
            {"mood", "rates", "ids"},
        ),
        ("INSERT INTO rates(id) SELECT 1", {"rates"}),
        ("WITH rates AS (SELECT 1) SELECT extract(year FROM now()) FROM rates", set()),
        ("SELECT public.rates.id, rates.id FROM public.rates /* FROM ids */ -- FROM ids", set()),
        ("BEGIN rates := 1; mood := 2; RETURN rates; END", set()),
    ],
)
def test_names_without_a_schema_are_found_wherever_sql_has_them(body: str, names: set[str]) -> None:
    assert unqualified_relations(body, frozenset({"rates", "ids", "mood"})) == names
