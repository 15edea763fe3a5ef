"""Emergency backups as several tests take them, and a database full of odd names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from actions.emergency_backup import EmergencyBackup
from midwatch.api.action import Context, Outcome
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from probes.backup.manifest import Manifest
from tests.support.listening_server import Listening
from tests.support.superuser import superuser

WEIRD = """
CREATE SCHEMA "odd "" schema; DROP";
CREATE TABLE "odd "" schema; DROP"."täble
with a line break" (id int, "col ( umn" text, twice int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO "odd "" schema; DROP"."täble
with a line break" (id, "col ( umn") SELECT g, E'\\\\.\\ta\\nb' || g FROM generate_series(1, 321) g;
CREATE TABLE "COPY x FROM stdin;" (t text);
INSERT INTO "COPY x FROM stdin;" SELECT E'COPY public.fake (a) FROM stdin;\\n\\\\.' FROM generate_series(1, 12);
CREATE TABLE "sixty_three_bytes_long_name_sixty_three_bytes_long_name_sixty_3" (n int);
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
INSERT INTO parts SELECT g, date '2025-12-01' + g FROM generate_series(1, 60) g;
CREATE FUNCTION looks_like_data() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
RETURN '
-- Data for Name: fake; Type: TABLE DATA; Schema: public;
COPY public.fake (a) FROM stdin;
1
2
';
END $$;
SELECT lo_from_bytea(0, decode(repeat('ab', 5000), 'hex'));
"""


def save(target: Target, context: Context) -> Outcome:
    action = EmergencyBackup(target)
    plan = action.plan(context)
    assert plan.refusal == "", plan.refusal
    return action.apply(context, plan)


def files(context: Context) -> list[str]:
    place = context.location("emergency")
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


@contextmanager
def locked(target: Target, table: str = "public.payments") -> Iterator[None]:
    with superuser(target, target.database) as connection:
        connection.execute("BEGIN")
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        connection.execute("ROLLBACK")


class Pausing(Listening):
    """A console before which a dump stops once, when it is well running, until something has happened."""

    def __init__(self, happen: Callable[[], object]) -> None:
        super().__init__()
        self._happen: Callable[[], object] | None = happen

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        if self._happen is not None and done > 500_000:
            happen, self._happen = self._happen, None
            happen()


def interrupted(target: Target, context: Context, happen: Callable[[], object]) -> list[str]:
    """What an emergency backup said, in the middle of which something happens. It raises what the backup raises."""
    action, console = EmergencyBackup(target), Pausing(happen)
    plan = action.plan(context)
    assert plan.refusal == "", plan.refusal
    action.apply(replace(context, console=console), plan)
    return console.said


def saved(target: Target, context: Context, *, roles: bool = False) -> Path:
    """A dump of the target whose manifest says that it was validated."""
    action = EmergencyBackup(target, globals=roles)
    path = Path(action.apply(context, action.plan(context)).values["path"])
    manifest = Manifest.read(path)
    assert manifest is not None
    replace(manifest, depth=4).write(path)
    return path


def databases(target: Target) -> set[str]:
    with superuser(target) as admin:
        return {str(name) for (name,) in admin.execute("SELECT datname FROM pg_database")}


class Later(SystemClock):
    """A minute later, so that two sets of one test have two names."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=1)
