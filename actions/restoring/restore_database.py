"""Restored databases on the server: their names, their marks, and the settings taken over from the present one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from midwatch.system.clock import file_timestamp
from midwatch.system.errors import MidwatchError
from probes.backup.dump_toc import listed
from probes.backup.manifest import stamped
from probes.postgres.connect import Route
from probes.postgres.event_triggers import for_restore
from probes.postgres.logical_replication import drop_subscriptions
from probes.postgres.role import identifier, literal, run_quietly

MAINTENANCE = "postgres"
"""The database that is connected to while others are made or renamed: the target's own may be gone."""
LONGEST = 63
"""Bytes of a name in PostgreSQL."""
MARK = "Restored and checked by midwatch"
"""Begins a line in the comment of a database whose restore went well to its end."""
INCOMPLETE = "Restored by midwatch, but NOT whole"
"""The same for a database with all rows in which objects of the last part are missing."""
_LOOK = """
SELECT json_build_object(
    'version', current_setting('server_version_num')::int / 10000,
    'encoding', (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = {name}),
    'roles', (SELECT json_agg(rolname) FROM pg_roles),
    'extensions', (SELECT json_agg(name) FROM pg_available_extensions),
    'tablespaces', (SELECT json_agg(spcname) FROM pg_tablespace),
    'data', coalesce((SELECT nullif(pg_tablespace_location(dattablespace), '') FROM pg_database WHERE datname = {name}),
        current_setting('data_directory')),
    'size', (SELECT pg_database_size(datname) FROM pg_database WHERE datname = {name}),
    'databases', (SELECT json_object_agg(datname, coalesce(shobj_description(oid, 'pg_database'), '')) FROM
        pg_database),
    'sessions', (SELECT json_object_agg(datname, n) FROM (SELECT datname, count(*) AS n FROM pg_stat_activity
        WHERE datname IS NOT NULL AND pid <> pg_backend_pid() GROUP BY 1) AS s)
)
"""
_LIKE = """
SELECT concat_ws(' ', format('OWNER %I TABLESPACE %I ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_get_userbyid(datdba),
        (SELECT spcname FROM pg_tablespace t WHERE t.oid = dattablespace), pg_encoding_to_char(encoding), datcollate,
        datctype),
    CASE j ->> 'datlocprovider'
        WHEN 'i' THEN format('LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(j ->> 'datlocale', j ->> 'daticulocale'))
        WHEN 'b' THEN format('LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j ->> 'datlocale') END,
    CASE WHEN j ->> 'daticurules' <> '' THEN format('ICU_RULES %L', j ->> 'daticurules') END)
FROM pg_database d, to_jsonb(d) AS j WHERE datname = {name}
"""
_TAKEN_OVER = """
SELECT json_agg(line ORDER BY turn) FROM (
    SELECT 1 AS turn, format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', {new}::text, pg_get_userbyid(datdba)) AS line
    FROM pg_database WHERE datname = {old} AND datacl IS NOT NULL
    UNION ALL
    SELECT 2, format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, {new}::text,
        CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
    FROM pg_database, aclexplode(datacl) WHERE datname = {old}
    UNION ALL
    SELECT 2, format('ALTER DATABASE %I CONNECTION LIMIT %s', {new}::text, datconnlimit)
    FROM pg_database WHERE datname = {old} AND datconnlimit >= 0
    UNION ALL
    SELECT 2, format('SECURITY LABEL FOR %I ON DATABASE %I IS %L', provider, {new}::text, label)
    FROM pg_shseclabel l JOIN pg_database d ON l.classoid = 'pg_database'::regclass AND l.objoid = d.oid
    WHERE datname = {old}
    UNION ALL
    SELECT 3, format('ALTER %s SET %I TO %s', CASE WHEN setrole = 0 THEN format('DATABASE %I', {new}::text)
            ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), {new}::text) END, key,
        CASE WHEN key NOT IN ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')
            THEN quote_literal(value) WHEN value IN ('', '""') THEN '''''' ELSE value END)
    FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting,
        split_part(setting, '=', 1) AS key, substr(setting, strpos(setting, '=') + 1) AS value
    WHERE datname = {old}
) AS lines
"""


@dataclass(frozen=True, slots=True)
class ServerNow:
    """What matters of a server for a restore."""

    version: int
    encoding: str
    """Of the target's own database; empty when it is not there."""
    roles: frozenset[str]
    """Also as an archive lists them, like the next two."""
    extensions: frozenset[str]
    """Those that it could create."""
    tablespaces: frozenset[str]
    data: str
    """The folder of the database, as the server calls it: its data directory, or that of a tablespace."""
    size: int
    """Bytes of the target's own database."""
    databases: dict[str, str]
    """Name → comment."""
    sessions: dict[str, int]


def inspect_server(route: Route, database: str) -> ServerNow:
    """Ask the server. Raises `MidwatchError`."""
    found: dict[str, Any] = json.loads(run_quietly(route, _LOOK.format(name=literal(database))))
    names = {
        key: frozenset(form for name in found[key] or () for form in (name, listed(name)))
        for key in ("roles", "extensions", "tablespaces")
    }
    return ServerNow(
        found["version"],
        found["encoding"] or "",
        **names,
        data=found["data"],
        size=found["size"] or 0,
        databases=found["databases"],
        sessions=found["sessions"] or {},
    )


def new_name(database: str, word: str, moment: datetime) -> str:
    """`arp_restored_20261123_021407`, cut to what PostgreSQL takes."""
    beginning, ending = f"{database}_{word}", file_timestamp(moment).replace("-", "_")
    return beginning.encode()[: LONGEST - len(ending) - 1].decode("utf-8", "ignore") + f"_{ending}"


def free_name(server: ServerNow, database: str, word: str, moment: datetime) -> str:
    """`new_name`, a second or more later where that is taken already."""
    while (name := new_name(database, word, moment)) in server.databases:
        moment += timedelta(seconds=1)
    return name


def made_at(name: str) -> datetime | None:
    """When a database that `new_name` named was made; None for other names."""
    return stamped(name[-15:].replace("_", "-"))


def restored(server: ServerNow, database: str, word: str = "restored") -> dict[str, str]:
    """The databases that restores of this one made, newest first, with the mark of each; empty for one that was not
    checked.

    `word` stands in their names.
    """
    found = {
        name: next((mark for mark in (MARK, INCOMPLETE) if f"\n{mark}" in f"\n{comment}"), "")
        for name, comment in server.databases.items()
        if (at := made_at(name)) is not None and name == new_name(database, word, at)
    }
    return dict(sorted(found.items(), reverse=True))


def mark(route: Route, name: str, comment: str, words: str) -> None:
    """Say in the database's comment what it is (`MARK: …`), after the comment that it takes over."""
    run_quietly(route, comment_sql(name, "\n".join(filter(None, [own_comment(comment), words]))))


def own_comment(comment: str) -> str:
    """The comment of a database without a mark of ours."""
    return "\n".join(line for line in comment.split("\n") if not line.startswith((MARK, INCOMPLETE)))


def comment_sql(name: str, comment: str) -> str:
    """The SQL command that gives a database this comment."""
    return f"COMMENT ON DATABASE {identifier(name)} IS {literal(comment)}"


def create(route: Route, name: str, like: str, encoding: str) -> None:
    """A new, empty database with owner, encoding, locale and tablespace of another, or with this encoding when there
    is no other."""
    given = run_quietly(route, _LIKE.format(name=literal(like)))
    if not given:
        given = f"ENCODING {literal(encoding or 'UTF8')}" + (
            "" if encoding == "UTF8" else " LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    run_quietly(route, f"CREATE DATABASE {identifier(name)} TEMPLATE template0 {given}", limit=300.0)


def take_over(route: Route, name: str, like: str) -> None:
    """Give the new database the settings and the rights of the other: a dump of one database does not hold them."""
    text = run_quietly(route, _TAKEN_OVER.format(new=literal(name), old=literal(like)))
    for line in json.loads(text) if text and text != "null" else ():
        run_quietly(route, line)


def drop(route: Route, name: str, server: int) -> str:
    """Remove a database that we made and did not finish, its subscriptions first. Why it is still there; empty when it
    is gone.

    Nothing is raised: whoever calls this has a first cause to tell.
    """
    try:
        drop_subscriptions(for_restore(route, server), name)
        run_quietly(route, f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)", limit=300.0)
    except MidwatchError as error:
        return error.sentence
    return ""
