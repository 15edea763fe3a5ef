"""What a restore does to the copy by itself: event triggers, views, generated columns. A good backup stays good."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actions.emergency_backup import EmergencyBackup
from actions.restore import Restore
from actions.restoring import content_check
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context, Outcome
from midwatch.runbook.loader import load
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from midwatch.system.errors import OutcomeUnknown
from probes.backup.manifest import Manifest
from probes.postgres.embedded import Engine, Identity, engine_for
from tests.support.listening_server import RUNBOOK, Listening
from tests.support.postgres import Server, server, short_folder

pytestmark = pytest.mark.postgres
SYSTEM = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
"""Servers of other versions, where the machine has any."""
TABLES = """
CREATE TABLE audit (tag text, at timestamptz DEFAULT now(), r float DEFAULT random());
CREATE TABLE stock (id serial PRIMARY KEY, what text);
INSERT INTO stock (what) SELECT 'thing ' || g FROM generate_series(1, 50) g;
CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM stock;
CREATE MATERIALIZED VIEW "sums of Sums" AS SELECT * FROM sums;
CREATE MATERIALIZED VIEW "never filled" AS SELECT * FROM sums WITH NO DATA;
"""
TRIGGERS = """
CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.audit (tag) VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER on_end ON ddl_command_end EXECUTE FUNCTION noted();
CREATE EVENT TRIGGER on_start ON ddl_command_start EXECUTE FUNCTION noted();
CREATE EVENT TRIGGER on_drop ON sql_drop EXECUTE FUNCTION noted();
CREATE EVENT TRIGGER "on Rewrite" ON table_rewrite EXECUTE FUNCTION noted();
CREATE EVENT TRIGGER idle ON ddl_command_end EXECUTE FUNCTION noted();
ALTER EVENT TRIGGER on_start ENABLE ALWAYS;
ALTER EVENT TRIGGER "on Rewrite" ENABLE REPLICA;
ALTER EVENT TRIGGER idle DISABLE;
"""
LOGIN = """
CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION noted();
ALTER EVENT TRIGGER on_login ENABLE ALWAYS;
"""
WROTE = """
CREATE FUNCTION counted() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.audit (tag) VALUES ('view'); RETURN 1; END $$;
CREATE MATERIALIZED VIEW writes AS SELECT public.counted() AS n;
CREATE TABLE empty (tag text);
CREATE FUNCTION filled() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.empty VALUES ('view'); RETURN 1; END $$;
CREATE MATERIALIZED VIEW fills AS SELECT public.filled() AS n;
TRUNCATE empty;
"""
COMPUTED = """
CREATE FUNCTION never_the_same(n int) RETURNS float IMMUTABLE LANGUAGE sql AS 'SELECT n + random()';
CREATE TABLE computed (n int, twice int GENERATED ALWAYS AS (n * 2) STORED,
    odd float GENERATED ALWAYS AS (never_the_same(n)) STORED, "at Last" timestamptz DEFAULT now());
INSERT INTO computed (n) SELECT generate_series(1, 20);
CREATE TABLE only_computed (odd float GENERATED ALWAYS AS (never_the_same(1)) STORED);
INSERT INTO only_computed DEFAULT VALUES;
CREATE INDEX ON computed (never_the_same(n));
CREATE UNLOGGED TABLE unlogged AS SELECT random() AS r FROM generate_series(1, 9);
CREATE TABLE parted (n int, at timestamptz DEFAULT now()) PARTITION BY HASH (n);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT generate_series(1, 40);
CREATE RULE also AS ON INSERT TO stock DO ALSO INSERT INTO audit (tag) VALUES ('rule');
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.audit (tag) VALUES ('row'); RETURN NULL; END $$;
CREATE TRIGGER always AFTER INSERT ON stock FOR EACH ROW EXECUTE FUNCTION on_row();
ALTER TABLE stock ENABLE ALWAYS TRIGGER always;
"""


@pytest.fixture(scope="module", params=[None, *SYSTEM], ids=lambda path: path.parts[-3] if path else "embedded")
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    with short_folder() as folder:
        folder.chmod(0o755)
        engine = Engine(request.param.parent, Identity.choose()) if request.param else engine_for(folder)
        with server(folder / "s", engine) as made:
            yield made


@pytest.fixture
def arp(running: Server) -> Iterator[Target]:
    running.sql("CREATE DATABASE arp")
    yield running.target(database="arp")
    for (name,) in running.sql("SELECT datname FROM pg_database WHERE datname LIKE 'arp%'"):
        running.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def context(running: Server, arp: Target, tmp_path: Path) -> Context:
    file = tmp_path / "runbook.yaml"
    file.write_text(RUNBOOK)
    found = load(file)
    mine = {name: str(tmp_path / name) for name in ("pgpass", "audit", "backups", "emergency", "logs")}
    mine["pg_bin"] = str(running.engine.bin)
    return Context(
        replace(found, targets={arp.name: arp}, locations={**found.locations, **mine}),
        Listening(),
        SystemClock(),
        "ada@test",
    )


def major(running: Server) -> int:
    ((version,),) = running.sql("SELECT current_setting('server_version_num')::int / 10000")
    assert isinstance(version, int)
    return version


def saved(running: Server, arp: Target, context: Context, *scripts: str, digests: bool = True) -> Path:
    for script in scripts:
        running.sql(script, database="arp")
    action = EmergencyBackup(arp, digests=digests, validate=True)
    path = Path(action.apply(context, action.plan(context)).values["path"])
    manifest = Manifest.read(path)
    assert manifest is not None
    assert manifest.good
    return path


def restored(path: Path, arp: Target, context: Context) -> Outcome:
    action = Restore(arp, path)
    plan = action.plan(context)
    assert plan.refusal == "", plan.refusal
    return action.apply(context, plan)


def deeply(path: Path, context: Context) -> Outcome:
    with short_folder() as scratch:
        action = ValidateBackup(path=str(path), restore=True, scratch=scratch)
        return action.apply(context, action.plan(context))


@pytest.mark.parametrize("digests", [True, False], ids=["digests", "rows"])
def test_event_triggers_that_write_do_not_fire_in_the_copy(
    running: Server, arp: Target, context: Context, digests: bool
) -> None:
    scripts = [TABLES, TRIGGERS, *([LOGIN] if major(running) >= 17 else [])]
    path = saved(running, arp, context, *scripts, digests=digests)
    outcome = restored(path, arp, context)
    assert outcome.ok, outcome.summary
    assert "changed by the restore" not in outcome.summary
    name = outcome.values["database"]
    triggers = "SELECT evtname, evtenabled FROM pg_event_trigger ORDER BY 1"
    assert running.sql(triggers, database=name) == running.sql(triggers, database="arp"), (
        "they are on again as they were"
    )
    assert running.sql('SELECT * FROM "sums of Sums"', database=name) == [(50,)]
    filled = "SELECT relname, relispopulated FROM pg_class WHERE relkind = 'm' ORDER BY 1"
    assert running.sql(filled, database=name) == [("never filled", False), ("sums", True), ("sums of Sums", True)]
    if digests:
        deep = deeply(path, context)
        assert deep.ok, deep.summary
        assert deep.values["depth"] == "5"


@pytest.mark.parametrize("digests", [True, False], ids=["digests", "rows"])
def test_rows_written_by_filling_a_view_are_named_as_the_restores_own(
    running: Server, arp: Target, context: Context, digests: bool
) -> None:
    path = saved(running, arp, context, TABLES, WROTE, digests=digests)
    outcome = restored(path, arp, context)
    assert outcome.ok, outcome.summary
    assert "changed by the restore itself: public.audit has 1 row more, public.empty has 1 row more" in outcome.summary
    if digests:
        deep = deeply(path, context)
        assert deep.ok, deep.summary
        assert "changed by the restore itself" in deep.summary


def test_more_rows_than_the_dump_had_out_of_the_archive_itself_are_a_problem(
    running: Server, arp: Target, context: Context
) -> None:
    path = saved(running, arp, context, TABLES, "INSERT INTO audit SELECT 'x' FROM generate_series(1, 5)")
    manifest = Manifest.read(path)
    assert manifest is not None
    fewer = dict(manifest.rows) | {"public.audit": 3}
    replace(manifest, rows=fewer).write(path)
    outcome = restored(path, arp, context)
    assert not outcome.ok
    assert "public.audit has 5 rows where the dump's snapshot had 3" in outcome.summary


def test_values_computed_anew_by_the_server_are_no_difference(running: Server, arp: Target, context: Context) -> None:
    path = saved(running, arp, context, TABLES, COMPUTED)
    outcome = restored(path, arp, context)
    assert outcome.ok, outcome.summary
    assert "so is the content of each" in outcome.summary


def test_view_that_cannot_be_filled_is_told_and_ends_no_restore(running: Server, arp: Target, context: Context) -> None:
    running.sql("CREATE TABLE flag (n int); INSERT INTO flag VALUES (1)", database="arp")
    script = """
        CREATE FUNCTION elsewhere() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
            IF current_database() <> 'arp' THEN RAISE 'could not connect to server "other"'; END IF; RETURN 1; END $$;
        CREATE MATERIALIZED VIEW far AS SELECT public.elsewhere() AS n;
    """
    path = saved(running, arp, context, TABLES, script)
    outcome = restored(path, arp, context)
    assert outcome.ok, outcome.summary
    assert 'NOT filled: public.far (could not connect to server "other" (CONTEXT: PL' in outcome.summary
    deep = deeply(path, context)
    assert deep.ok, deep.summary
    assert "cannot be filled here: public.far" in deep.summary


def test_content_that_cannot_be_read_is_unknown(
    running: Server, arp: Target, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends every session while the rows are counted."""
    path = saved(running, arp, context, TABLES)
    counting, over = content_check.rows_of, threading.Event()

    def ended(route, *given):  # type: ignore[no-untyped-def]
        thread = threading.Thread(target=end_sessions, args=(running, over))
        thread.start()
        try:
            for _ in range(1000):
                counting(route, *given)
            raise AssertionError("no session was ended")
        finally:
            over.set()
            thread.join()

    monkeypatch.setattr(content_check, "rows_of", ended)
    with pytest.raises(OutcomeUnknown, match="could not be checked"):
        restored(path, arp, context)
    manifest = Manifest.read(path)
    assert manifest is not None
    assert manifest.good


def end_sessions(running: Server, over: threading.Event) -> None:
    with running.connect() as admin:
        while not over.is_set():
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'arp_restored%'")
