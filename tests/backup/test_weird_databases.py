"""Databases that hold what dumps stumble over: each comes back equal, in its schema and in every row."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from actions.checks.migration_checks import MigrationChecks
from actions.dump.dump_stream import dump
from actions.emergency_backup import EmergencyBackup
from actions.restore import Restore
from actions.restoring.backup_validation import validate
from actions.restoring.restore_stream import restore
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.engine.execute import perform
from midwatch.engine.process_console import ProcessConsole
from midwatch.runbook.targets import Target
from midwatch.system.errors import Exit
from midwatch.system.units import Seconds
from probes.backup.dump_file import DumpFile
from probes.backup.manifest import Manifest
from probes.databases import DatabasesProbe
from probes.postgres.connect import Route, connect
from probes.postgres.content import LARGE_OBJECTS, count_rows, digests_of
from probes.postgres.temp_server import TempServer, temp_server
from probes.postgres.tools import Tools, find_tools
from screens.widgets.panels.panel_detail import panel_detail_lines
from screens.widgets.panels.panel_lines import column_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.panels.panel_summary import summary_cell
from screens.widgets.plan_lines import plan_lines
from screens.widgets.styles import TextStyles
from tests.screens.hostile import strange
from tests.support.superuser import superuser

pytestmark = pytest.mark.postgres

LARGE = """
SELECT lo_from_bytea(0, decode(repeat('ab', 3000000), 'hex'));
SELECT lo_create(0);
SELECT lo_put(lo_create(0), 5000000, 'after a hole');
"""
STRUCTURES = """
CREATE EXTENSION vector;
CREATE TABLE points (id int GENERATED ALWAYS AS IDENTITY (START 7 INCREMENT 5), v vector(3), near text);
INSERT INTO points (v) SELECT format('[%s,%s,%s]', g, g * 2, 0.5)::vector FROM generate_series(1, 50) g;
CREATE TYPE mood AS ENUM ('calm', 'at 02:00', 'with "quotes"');
CREATE DOMAIN percent AS numeric CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE many (a mood[], b percent, c int4range, d jsonb, e interval, f timestamptz, g float8, h bytea, i uuid, j
    money,
    twice numeric GENERATED ALWAYS AS (b * 2) STORED);
INSERT INTO many SELECT array['calm', 'at 02:00']::mood[], g % 100, int4range(g, g + 5), jsonb_build_object('n', g),
    make_interval(days => g), timestamptz '2026-11-23 02:14 UTC' + make_interval(hours => g), g / 3.0,
    decode(md5(g::text), 'hex'), md5(g::text)::uuid, g::numeric::money FROM generate_series(1, 200) g;
INSERT INTO many (g) VALUES ('NaN'), ('-Infinity'), (NULL);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE parent (id int PRIMARY KEY, t text COLLATE "C");
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'one'); INSERT INTO child VALUES (2, 'two', 'more');
CREATE TABLE parts (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01') PARTITION BY HASH (id);
CREATE TABLE parts_old_0 PARTITION OF parts_old FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_old_1 PARTITION OF parts_old FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT g, date '2025-12-01' + g FROM generate_series(1, 90) g;
CREATE UNLOGGED TABLE quick AS SELECT g FROM generate_series(1, 10) g;
CREATE MATERIALIZED VIEW summed AS SELECT count(*) FROM parts;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.t := 'by trigger'; RETURN NEW; END $$;
CREATE TRIGGER never_while_restoring BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_one ON parent USING (id = 1);
CREATE SEQUENCE counted MINVALUE -5 START 40; SELECT nextval('counted') FROM generate_series(1, 3);
"""
NAMES = """
CREATE SCHEMA "odd "" schema; DROP";
CREATE TABLE "odd "" schema; DROP"."täble
with a line break" (id int, "col ( umn" text, "t" text);
INSERT INTO "odd "" schema; DROP"."täble
with a line break" SELECT g, E'\\\\.\\ta\\nb\\r\\x01' || g, '\\N' FROM generate_series(1, 321) g;
CREATE TABLE "COPY x FROM stdin;" (t text);
INSERT INTO "COPY x FROM stdin;" SELECT E'COPY public.fake (a) FROM stdin;\\n\\\\.' FROM generate_series(1, 12);
CREATE TABLE "Ωμέγα 数据库 🗄 ''; --" ("\\back\\slash" int);
INSERT INTO "Ωμέγα 数据库 🗄 ''; --" VALUES (1);
CREATE TABLE "ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss3" (n int);
CREATE TABLE "$$" ("$1" int, "%s" int, "{}" int);
INSERT INTO "$$" VALUES (1, 2, 3);
"""


def schema(target: Target, database: str, context: Context) -> str:
    """The definition of everything, without what differs between any two dumps."""
    argv = [
        find_tools(context.runbook).pg_dump,
        "--schema-only",
        "-h",
        target.socket,
        "-p",
        str(target.port),
        "-U",
        "postgres",
    ]
    done = subprocess.run([*map(str, argv), database], capture_output=True, check=True, timeout=60)
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", done.stdout.decode())


@pytest.mark.parametrize(
    "script", ["", LARGE, STRUCTURES, NAMES], ids=["empty", "large objects", "structures", "names"]
)
def test_unusual_database_restored_is_equal(fresh: Target, context: Context, script: str) -> None:
    with superuser(fresh, fresh.database) as connection:
        connection.execute(script.encode() or b"SELECT 1")
    backup = EmergencyBackup(fresh, digests=True)
    path = Path(backup.apply(context, backup.plan(context)).values["path"])
    manifest = Manifest.read(path)
    assert manifest is not None
    verdict = validate(path, find_tools(context.runbook).pg_restore, sha256=manifest.sha256, rows=manifest.rows)
    assert (verdict.problem, verdict.depth) == ("", 4)
    action = Restore(fresh, path)
    plan = action.plan(context)
    assert plan.refusal == ""
    outcome = action.apply(context, plan)
    assert outcome.ok, outcome.summary
    name = outcome.values["database"]
    try:
        here, there = (
            Route("socket", fresh.socket, fresh.port, "postgres", one, fresh.label) for one in (fresh.database, name)
        )
        digests = digests_of(there)
        assert digests == digests_of(here) == manifest.digests
        assert (LARGE_OBJECTS in digests) is (script == LARGE)
        assert schema(fresh, name, context) == schema(fresh, fresh.database, context)
        values = "SELECT json_agg(s ORDER BY sequencename) FROM pg_sequences s"
        with superuser(fresh, name) as new, superuser(fresh, fresh.database) as old:
            assert new.execute(values).fetchone() == old.execute(values).fetchone()
    finally:
        with superuser(fresh) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def roomy(context: Context) -> Iterator[TempServer]:
    """A server that lets one transaction lock ten thousand tables, as a dump of them does."""
    with tempfile.TemporaryDirectory(prefix="mws-", dir="/tmp") as place:
        Path(place).chmod(0o755)
        with temp_server(context.runbook, Path(place), 0) as server:
            yield server


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.heavy)])
def test_thousands_of_tables_come_back_equal(count: int, roomy: TempServer, context: Context, tmp_path: Path) -> None:
    tools: Tools = find_tools(context.runbook)
    many, again = (replace(roomy.route, database=name) for name in ("many", "again"))
    with connect(roomy.route) as admin:
        for route in (many, again):
            admin.execute(f"CREATE DATABASE {route.database} TEMPLATE template0".encode())
    with connect(many, statement=0) as connection:
        connection.execute(f"""
            DO $$ BEGIN
                FOR i IN 1..{count} LOOP
                    EXECUTE format('CREATE UNLOGGED TABLE %I (n int)', 'table ' || i);
                    IF i % 100 = 0 THEN EXECUTE format('INSERT INTO %I VALUES (1), (2)', 'table ' || i); END IF;
                    IF i % 1000 = 0 THEN COMMIT; END IF;
                END LOOP;
            END $$
        """)
    file = tmp_path / "many.gz"
    found = dump(many, tools, file, lambda done, total: None)
    assert len(found.rows) == count
    assert sum(found.rows.values()) == count // 50
    verdict = validate(file, tools.pg_restore, sha256=found.sha256, rows=found.rows)
    assert (verdict.problem, verdict.depth) == ("", 4)
    tell = lambda done, total: None  # noqa: E731
    restore(DumpFile.of(file), again, tools, sha256=found.sha256, options=(), progress=tell)
    with connect(again, statement=0) as connection:
        assert count_rows(connection) == found.rows


ODD = "d\x1b]0;pwned\x07\x1b[2J\u202e[red]x[/] \"q\" 'a'\n[OK] forged"
LONG = "\x1b[31m数据库" + "表" * 16
HOSTILE = """
CREATE ROLE {odd} LOGIN SUPERUSER PASSWORD 'odd-password';
CREATE SCHEMA {odd};
CREATE TABLE {odd}.{odd} ({odd} text);
INSERT INTO {odd}.{odd} VALUES ('x');
CREATE TABLE {odd}.{long} (n int);
COMMENT ON TABLE {odd}.{long} IS 'a\x1b]0;pwned\x07';
"""


def test_hostile_names_of_a_real_server_are_shown_and_never_obeyed(
    fresh: Target, context: Context, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Database, role, schema, tables, column, application and a statement: in the backup, its validation and its
    restore, in plans, on the panel, and in what a refused login says. A name with a line break forges no line."""
    named = {"odd": sql.Identifier(ODD), "long": sql.Identifier(LONG)}
    hostile = replace(fresh, database=ODD)
    real = replace(context, console=ProcessConsole())
    targets = {"odd": replace(hostile, user=ODD), "none": replace(hostile, user=ODD, database=LONG)}
    (tmp_path / "pgpass").write_text("*:*:*:*:odd-password\n", encoding="utf-8")
    (tmp_path / "pgpass").chmod(0o600)
    there = replace(
        context.runbook, targets=targets, locations={**context.runbook.locations, "pgpass": str(tmp_path / "pgpass")}
    )
    with superuser(fresh, fresh.database) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {odd} TEMPLATE template0").format(**named))
    try:
        with superuser(fresh, ODD) as connection:
            connection.execute(sql.SQL(HOSTILE).format(**named))
            backup = EmergencyBackup(hostile, globals=True, validate=True)
            assert perform(backup, real, confirmed=None) is Exit.DONE
            assert perform(ValidateBackup(target=hostile), real, confirmed=None) is Exit.DONE
        session = psycopg.connect(
            host=fresh.socket, port=fresh.port, user=ODD, password="odd-password", dbname=ODD, application_name=ODD
        )
        with session, session.cursor() as cursor:
            cursor.execute(sql.SQL("LOCK TABLE {odd}.{odd} /* \x1b[2J */").format(**named))
            plans = [backup.plan(context), ValidateBackup(target=hostile).plan(context)]
            perform(MigrationChecks(longest=Seconds(0)), replace(real, runbook=there), confirmed=None)
            session.rollback()
        reading = DatabasesProbe().read(there, context.clock)
    finally:
        with superuser(fresh) as admin:
            admin.execute(sql.SQL("DROP DATABASE {odd} WITH (FORCE)").format(**named))
            admin.execute(sql.SQL("DROP ROLE {odd}").format(**named))
    text_styles, now = TextStyles(), context.clock.now()
    panel = PanelState("databases", "Databases", 5.0).taking(reading)
    lines = [
        *panel_detail_lines(panel, now, 100, text_styles),
        *column_lines([panel], now, 60, 40, text_styles),
        summary_cell(panel, now, 80, text_styles),
    ]
    for plan in plans:
        lines += plan_lines(plan, now, now, 100, text_styles)
    told = "".join(capfd.readouterr())
    shown = "\n".join(line.plain for line in lines)
    assert strange(f"{told}{shown}".encode(), frozenset()) == set()
    assert [line for line in told.splitlines() if line.startswith("[OK] forged")] == []
    assert "[red]x[/]" in told
    assert "[red]x[/]" in shown
