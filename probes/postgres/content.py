"""The content of a database: row counts by table, and on request digests independent of order and server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from midwatch.system.errors import Failed, Refused
from probes.postgres.client_errors import ClientErrors, server_reason
from probes.postgres.connect import Connection, Route, connect
from probes.postgres.container_psql import run_psql_inside
from probes.postgres.role import literal, run_quietly

if TYPE_CHECKING:
    import psycopg

LONG = 3600.0
"""Seconds that one answer out of a container may take here: a large table is counted."""

LARGE_OBJECTS = "large objects"
"""Stands among the tables for all large objects of the database."""
TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.relpersistence <> 'u' OR NOT pg_is_in_recovery())
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype =
      'e')
ORDER BY 1
"""
"""Every table with rows of its own, as its name is quoted in SQL. Those of extensions are not dumped; a standby has
none of unlogged tables, and who may not read one does not dump it."""
SETTINGS = """
SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; SET extra_float_digits = 1;
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmloption = content; SET row_security = off
"""
"""So that a value has one text, whoever asks."""
_SUMS = """
count(*), coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::bigint), 0),
coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint), 0)
"""
_ROWS = """
SELECT {sums} FROM (
    SELECT encode(sha256(convert_to(ROW({columns})::text, '{encoding}')), 'hex') AS h FROM ONLY {table} AS t OFFSET 0)
        AS s
"""
"""`OFFSET 0` keeps the planner from computing each hash once for either sum: 5.5 s instead of 12 for 3.5 million
rows."""
_COLUMNS = """
SELECT CASE WHEN bool_or(attgenerated <> '') THEN coalesce(string_agg(format('t.%I', attname), ', ' ORDER BY attnum)
    FILTER (WHERE attgenerated = ''), '') ELSE 't.*' END
FROM pg_attribute WHERE attrelid = {table}::regclass AND attnum > 0 AND NOT attisdropped
"""
"""What a dump holds of a table: a server computes generated columns anew, and not always to the same value."""
_BY_TRANSACTION = """
SELECT json_agg(json_build_array(n, high, low)) FROM (
    SELECT count(*) AS n, coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::bigint), 0) AS high,
        coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint), 0) AS low
    FROM (SELECT t.xmin AS x, encode(sha256(convert_to(ROW({columns})::text, '{encoding}')), 'hex') AS h
        FROM ONLY {table} AS t OFFSET 0) AS r
    GROUP BY x) AS g
"""
_OBJECTS = """
SELECT {sums} FROM (
    SELECT encode(sha256(convert_to(l.loid || ' ' || i, 'UTF8') || lo_get(l.loid, i * 1048576, 1048576)), 'hex') AS h
    FROM (SELECT m.oid AS loid, coalesce((SELECT p.pageno::bigint * 2048 + length(p.data) FROM pg_largeobject p
        WHERE p.loid = m.oid ORDER BY p.pageno DESC LIMIT 1), 0) AS size FROM pg_largeobject_metadata m) AS l,
    generate_series(0, greatest(l.size - 1, 0) / 1048576) AS i OFFSET 0) AS s
"""


def count_rows(connection: Connection) -> dict[str, int]:
    """Table → rows, as this connection sees them. Raises `psycopg.Error`."""
    found = {}
    for (table,) in connection.execute(TABLES).fetchall():
        row = connection.execute(f"SELECT count(*) FROM ONLY {table}".encode()).fetchone()  # noqa: S608  quoted by %I
        assert row is not None
        found[str(table)] = int(row[0])
    return found


def digest_rows(connection: Connection) -> dict[str, str]:
    """Table → `ROWS:DIGEST`: equal for equal rows in any order, on any server. Memory is flat. Raises `psycopg.Error`.

    The digest is the sum of the SHA-256 of each row's text, cut to 128 bits. Large objects, which only a superuser
    reads, are one entry more. Sequences, views, foreign tables and generated columns are not in it.
    """
    connection.execute(SETTINGS.encode())
    row = connection.execute(
        "SELECT current_setting('server_encoding'), current_setting('is_superuser') = 'on'"
    ).fetchone()
    assert row is not None
    encoding = "SQL_ASCII" if row[0] == "SQL_ASCII" else "UTF8"  # its bytes may be no text at all
    found = {}
    for (table,) in connection.execute(TABLES).fetchall():
        columns = connection.execute(_COLUMNS.format(table=literal(str(table))).encode()).fetchone()
        query = _ROWS.format(sums=_SUMS, encoding=encoding, table=table, columns=columns[0] if columns else "t.*")
        found[str(table)] = _one(connection, query)
    if row[1]:
        objects = _one(connection, _OBJECTS.format(sums=_SUMS))
        if not objects.startswith("0:"):
            found[LARGE_OBJECTS] = objects
    return found


def _one(connection: Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return _digest(*(int(value) for value in row))


def _digest(count: int, high: int, low: int) -> str:
    return f"{count}:{high % 2**64:016x}{low % 2**64:016x}"


def digests_by_transaction(route: Route, table: str) -> list[str]:
    """A digest, as `digest_rows` has it, of what each transaction wrote into a table. Raises `MidwatchError`.

    `table` is a name out of `TABLES`. A restore writes each table in one transaction: what another wrote is not the
    backup's.
    """
    encoding = "SQL_ASCII" if run_quietly(route, "SHOW server_encoding") == "SQL_ASCII" else "UTF8"
    columns = run_quietly(route, _COLUMNS.format(table=literal(table)))
    query = _BY_TRANSACTION.format(columns=columns, encoding=encoding, table=table)
    found = json.loads(run_quietly(route, *SETTINGS.strip().split("; "), query, limit=LONG) or "null") or []
    return [_digest(*(int(value) for value in one)) for one in found]


def rows_of(route: Route) -> dict[str, int]:
    """Table → rows of the route's database, by whatever way it is. Raises `MidwatchError`."""
    if route.kind == "exec":
        return _rows_inside(route)
    import psycopg

    with connect(route, statement=0) as connection:
        try:
            return count_rows(connection)
        except psycopg.Error as error:
            raise _failed(route, error) from error


def digests_of(route: Route) -> dict[str, str]:
    """`digest_rows` of the route's database. Raises `MidwatchError`; `Refused` inside a container, where no connection
    goes."""
    if route.kind == "exec":
        raise Refused(
            f"{route.label} is reached by commands inside its container only", hint="Publish its port for digests"
        )
    import psycopg

    with connect(route, statement=0) as connection:
        try:
            connection.execute("BEGIN")
            found = digest_rows(connection)
            connection.rollback()  # takes its settings back: behind a pooler the session is not ours alone
            return found
        except psycopg.Error as error:
            raise _failed(route, error) from error


class Unreadable(Failed):
    """The rows are there, and the server finds that they are not what they should be: no text, no value, a damaged
    page."""


def _failed(route: Route, error: psycopg.Error) -> Failed:
    state = error.sqlstate or ""
    kind = Unreadable if state.startswith(("22", "XX")) else Failed
    return kind(f"The rows of {route.database} cannot be read: {server_reason(error)}")


def _rows_inside(route: Route) -> dict[str, int]:
    each = "format('SELECT json_build_array(%L, count(*)) FROM ONLY %s', t.name, t.name)"
    script = f"SELECT {each} FROM ({TABLES.strip()}) AS t \\gexec\n"  # noqa: S608  nothing foreign in it
    said = run_psql_inside(route, script, limit_s=LONG)
    if said.exit:
        raise Failed(f"The rows of {route.database} cannot be read: {ClientErrors.of(said.err).first}")
    return {name: int(count) for name, count in map(json.loads, said.out.splitlines())}
