"""Estimates the final size of a running dump from the sizes of its tables, finished tables and copied rows."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probes.postgres.connect import Route, connect
from probes.postgres.role import run_quietly

OBJECTS = "large objects"
"""Stands among the tables for all large objects."""
HERE, INSIDE = 2.0, 5.0
"""Seconds between two looks at how far a table is; inside a container each is a program that is started."""
_GRACE = 0.5
"""Seconds in which a dump is left alone."""
_LIMIT = 10.0
"""Seconds that an answer may take."""
_LENGTH = 5
"""Bytes that an archive puts before each row."""
_NEARLY = 0.99
"""The most that counts as done of a table running: the server's own number of its rows is an estimate."""
_MORE = 1.01
_TABLES = f"""
SELECT coalesce(json_agg(json_build_array(t.name, t.oid, t.bytes, t.rows)), '[]')::text FROM (
    SELECT n.nspname || '.' || c.relname AS name, c.oid::bigint, pg_table_size(c.oid) AS bytes, c.reltuples::float8 AS
        rows
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND
            d.deptype = 'e')
    UNION ALL
    SELECT '{OBJECTS}', 0, pg_table_size('pg_catalog.pg_largeobject'), -1
    WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)) AS t
"""  # noqa: S608  nothing foreign in it
_COPIED = """
SELECT json_build_array(bytes_processed, tuples_processed)::text FROM pg_stat_progress_copy
WHERE relid = {oid} AND command = 'COPY TO' AND datname = current_database() ORDER BY tuples_processed LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Table:
    """What the server tells of one table before it is dumped."""

    name: str
    """Schema and name with a dot between, as `pg_dump` says them."""
    oid: int
    bytes: int
    """On disk, without indexes."""
    rows: float
    """By the last analysis; below 0 when there was none."""


class SizeEstimate:
    """The expected bytes of a dump. It is told when `pg_dump` begins a table, which tables there are, and how much was
    copied.

    Any thread may tell it something or ask.
    """

    def __init__(self, before: int = 0) -> None:
        """`before`: bytes of the last dump of the same database; 0 when there is none."""
        self._before, self._lock = before, threading.Lock()
        self._tables: dict[str, Table] = {}
        self._whole = 0
        self._current, self._at = "", 0
        self._done: dict[str, int] = {}
        self._done_bytes, self._done_weight = 0, 0
        self._copied: tuple[str, float] = ("", 0.0)

    @property
    def current(self) -> Table | None:
        """What is dumped now."""
        return self._tables.get(self._current)

    @property
    def words(self) -> str:
        """`table 12 of 40, public.orders`; empty before the first."""
        if not self._current:
            return ""
        begun = len(self._done) + 1
        return f"table {begun}{f' of {max(len(self._tables), begun)}' if self._tables else ''}, {self._current}"

    def begins(self, name: str, at: int) -> None:
        """The table's first byte comes after `at` bytes of the dump; the one before it is done."""
        if name == self._current:
            return
        with self._lock:
            if self._current:
                self._done[self._current] = at - self._at
                self._count(self._current)
            self._current, self._at = name, at

    def learn(self, tables: Sequence[Table]) -> None:
        """These are the tables; some may be done by now."""
        with self._lock:
            self._tables = {table.name: table for table in tables}
            self._whole = sum(table.bytes for table in tables)
            self._done_bytes, self._done_weight = 0, 0
            for name in self._done:
                self._count(name)

    def copied(self, name: str, count: int, rows: int) -> None:
        """The server has copied so many bytes and rows of this table."""
        table = self._tables.get(name)
        if table is not None and table.rows > 0 and rows > 0:
            self._copied = (name, (count + rows * _LENGTH) / min(rows / table.rows, _NEARLY))

    def total(self, done: int) -> float | None:
        """Bytes of the whole dump, about, with `done` of them there; None while nothing is known of it.

        Always a little more than `done`: what goes on beyond its forecast is not at its end.
        """
        found = self._expected(done)
        return max(found, done * _MORE) if found else None

    def _expected(self, done: int) -> float:
        with self._lock:
            if not self._whole:
                return self._before
            ratio = self._ratio()
            table, here = self._tables.get(self._current), done - self._at
            weight = table.bytes if table is not None else 0
            name, expected = self._copied
            expected = expected if name == self._current else ratio * weight
            return self._at + max(here, expected) + ratio * max(self._whole - self._done_weight - weight, 0)

    def _ratio(self) -> float:
        """Bytes of dump for each byte of a table that is to come: what was learnt counts by how much of the whole it
        is."""
        assumed = self._before / self._whole if self._before else 1.0
        part = self._done_weight / self._whole
        learnt = self._done_bytes / self._done_weight if self._done_weight else 0.0
        return (1 - part) * assumed + part * learnt

    def _count(self, name: str) -> None:
        if (table := self._tables.get(name)) is not None:
            self._done_weight += table.bytes
            self._done_bytes += self._done[name]


class Looking:
    """Asks the server which tables there are, and now and then how far the one running is.

    Not in the first half second, which is all that a small dump takes. Whatever fails there fails nothing here.
    """

    def __init__(self, route: Route, forecast: SizeEstimate) -> None:
        self._route, self._forecast = route, forecast
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copy progress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; what was asked of a paused container is not waited for."""
        self._stopped.set()
        self._thread.join(_GRACE)

    def _run(self) -> None:
        with contextlib.suppress(Exception):  # a server before 14 tells nothing; one that is gone ends the dump itself
            if self._stopped.wait(_GRACE):
                return
            if self._route.kind == "exec":
                self._ask(lambda query: run_quietly(self._route, query, limit=_LIMIT), INSIDE)
                return
            with connect(self._route, statement=_LIMIT) as connection:
                self._ask(lambda query: str((connection.execute(query.encode()).fetchone() or ("",))[0]), HERE)

    def _ask(self, ask: Callable[[str], str], every: float) -> None:
        self._forecast.learn([Table(*one) for one in json.loads(ask(_TABLES))])
        while not self._stopped.wait(every):
            table = self._forecast.current
            if table is not None and table.oid and (said := ask(_COPIED.format(oid=table.oid))):
                count, rows = json.loads(said)
                self._forecast.copied(table.name, int(count), int(rows))
