"""A look ahead for a dump: what the login that takes it cannot read, and what the server or a later restore will not
do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import counted, first_few
from probes.postgres.client_errors import server_reason
from probes.postgres.connect import Connection, Route, connect
from probes.postgres.role import run_quietly
from probes.postgres.unqualified_names import unqualified_calls, unqualified_relations

SESSIONS = 3
"""Sessions that a dump has at the same time: of the snapshot, of the row counts, and of `pg_dump`."""
_OURS = """
n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e
    ON e.oid = d.refobjid WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
    AND c.oid <> ALL (coalesce(e.extconfig, '{}')))
"""
"""What a dump has the data of: relations `c` in schemas `n`, those of extensions only where these say so."""
_FACTS = f"""
WITH RECURSIVE relations AS (
    SELECT c.oid, c.relkind, c.relpersistence, format('%I.%I', n.nspname, c.relname) AS name, c.relname,
        has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm') AND
        {_OURS}),
functions AS (
    SELECT p.oid, p.proname, p.oid::regprocedure::text AS signature, p.prosrc,
        to_jsonb(p) ->> 'prosqlbody' IS NULL AND NOT coalesce(p.proconfig::text LIKE '%search_path=%', false) AS
            searches
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('internal', 'c')
    JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
needs AS (  -- what computes anew at a restore, and which functions, also through operators, aggregates and views
    SELECT d.classid AS root_class, d.objid AS root, coalesce(w.tableoid, d.refclassid) AS class,
        coalesce(w.oid, d.refobjid) AS id
    FROM pg_depend d LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
    LEFT JOIN pg_attribute t ON t.attrelid = a.adrelid AND t.attnum = a.adnum
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_class m ON m.oid = r.ev_class
    LEFT JOIN pg_rewrite w ON d.refclassid = 'pg_class'::regclass AND w.ev_class = d.refobjid AND w.rulename = '_RETURN'
    WHERE (d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass) OR t.attgenerated <> '' OR m.relkind = 'm')
        AND (d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) OR w.oid IS NOT NULL)
    UNION
    SELECT root_class, root, coalesce(w.tableoid, d.refclassid), coalesce(w.oid, d.refobjid)
    FROM needs CROSS JOIN LATERAL (SELECT * FROM pg_depend WHERE classid = class AND objid = id OFFSET 0) AS d
    LEFT JOIN pg_rewrite w ON d.refclassid = 'pg_class'::regclass AND w.ev_class = d.refobjid AND w.rulename = '_RETURN'
        AND w.oid <> id
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) OR w.oid IS NOT NULL),
sessions AS (SELECT * FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend')
SELECT json_build_object(
    'user', quote_ident(current_user),
    'unreadable', (SELECT json_agg(name ORDER BY name) FROM relations WHERE relkind IN ('r', 'p', 'S') AND NOT
        readable),
    'sequences', (SELECT json_agg(name) FROM relations WHERE relkind = 'S' AND NOT readable),
    'filtered', (SELECT json_agg(name ORDER BY name) FROM relations
        WHERE relkind IN ('r', 'p') AND readable AND row_security_active(oid)),
    'unlogged', (SELECT json_agg(name ORDER BY name) FROM relations
        WHERE relkind = 'r' AND relpersistence = 'u' AND pg_is_in_recovery()),
    'objects', (SELECT count(*) FROM pg_largeobject_metadata WHERE current_setting('lo_compat_privileges') = 'off'
        AND NOT pg_has_role(lomowner, 'USAGE') AND NOT EXISTS (SELECT FROM aclexplode(lomacl) WHERE privilege_type =
            'SELECT'
            AND CASE grantee WHEN 0 THEN true ELSE pg_has_role(grantee, 'USAGE') END)),
    'locks', (SELECT count(*) FROM relations WHERE relkind IN ('r', 'p')),
    'held', (SELECT count(*) FROM pg_locks WHERE NOT fastpath),
    'capacity', (SELECT sum(setting::bigint) FILTER (WHERE name <> 'max_locks_per_transaction')
            * min(setting::bigint) FILTER (WHERE name = 'max_locks_per_transaction') FROM pg_settings
        WHERE name IN ('max_locks_per_transaction', 'max_connections', 'max_prepared_transactions',
            'max_worker_processes',
            'max_wal_senders', coalesce((SELECT name FROM pg_settings WHERE name = 'autovacuum_worker_slots'),
            'autovacuum_max_workers'))),
    'limits', json_build_array(
        (SELECT json_build_array('ROLE', quote_ident(rolname), rolconnlimit,
                (SELECT count(*) FROM sessions WHERE usename = current_user))
            FROM pg_roles WHERE rolname = current_user AND NOT rolsuper),
        (SELECT json_build_array('DATABASE', quote_ident(datname), datconnlimit,
                (SELECT count(*) FROM sessions WHERE datname = current_database()))
            FROM pg_database, pg_roles WHERE datname = current_database() AND rolname = current_user AND NOT rolsuper)),
    'secrets', (SELECT json_agg(thing ORDER BY thing) FROM (
        SELECT format('the user mapping of %s for the server %s', usename, srvname), umoptions FROM pg_user_mappings
        UNION ALL SELECT format('the server %s', srvname), srvoptions FROM pg_foreign_server) AS o (thing, options)
        WHERE EXISTS (SELECT FROM unnest(options) AS option WHERE option ~*
            '^[^=]*(password|passwd|pwd|secret|token)[^=]*=')),
    'called', (SELECT json_agg(json_build_array(object, oid::bigint) ORDER BY object) FROM (
        SELECT DISTINCT CASE WHEN r.oid IS NULL THEN pg_describe_object(root_class, root, 0)
            ELSE pg_describe_object('pg_class'::regclass, r.ev_class, 0) END AS object, f.oid
        FROM needs JOIN functions f ON f.oid = id AND class = 'pg_proc'::regclass
        LEFT JOIN pg_rewrite r ON root_class = 'pg_rewrite'::regclass AND root = r.oid) AS c),
    'functions', (SELECT json_object_agg(oid::bigint, json_build_array(proname, signature, prosrc, searches)) FROM
        functions),
    'names', (SELECT json_agg(DISTINCT typname) FROM (SELECT relname FROM relations UNION SELECT typname FROM pg_type t
        JOIN pg_namespace n ON n.oid = t.typnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        WHERE typname !~ '^_') AS n (typname)))::text
"""  # noqa: S608  nothing foreign in it
_SUBSCRIPTIONS = """
SELECT json_agg(subname ORDER BY subname) FROM pg_subscription
WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (subconninfo ~* '(^|[\\s?&])(ssl)?password\\s*=' OR subconninfo ~ '^postgres(ql)?://[^/@]*:[^/@]+@')
"""
_LEAVING_S = 2.0
"""The server counts a session for a moment after its end: no limit is believed before."""


@dataclass(frozen=True, slots=True)
class DumpObstacle:
    """One thing that stands in the way of a dump or of its restore. All of it is safe to show."""

    text: str
    remedy: str
    is_fatal: bool = False
    """Whether the dump fails for it now."""

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class DumpReadiness:
    """What a dump by one login will meet."""

    unreadable: tuple[str, ...] = ()
    """Tables and sequences, quoted as in SQL, that this login may not read."""
    sequences: frozenset[str] = frozenset()
    """The sequences among them. Their definitions are dumped, which tables need, without their values."""
    filtered: tuple[str, ...] = ()
    """Tables of which row security shows it only a part."""
    objects: int = 0
    """Large objects that it may not read."""
    obstacles: tuple[DumpObstacle, ...] = ()
    unlogged: tuple[str, ...] = ()
    """Tables of a standby whose rows only its primary has."""
    secrets: tuple[str, ...] = ()
    """What brings a password in clear into the dump. Safe to show."""

    def warnings(self, recipients: Sequence[object]) -> tuple[DumpObstacle, ...]:
        """The obstacles, and the passwords in clear where the dump is encrypted to nobody."""
        if not self.secrets or recipients:
            return self.obstacles
        text = f"the dump holds passwords in clear, of {first_few(self.secrets)}"
        return (*self.obstacles, DumpObstacle(text, "encrypt it, with encrypt_to"))

    @property
    def not_here(self) -> tuple[str, ...]:
        """What no login can dump on a standby, in words that are safe to show."""
        return tuple(f"the rows of {safe_text(name)}, which is unlogged" for name in self.unlogged)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What this login cannot dump, in words that are safe to show."""
        found = [
            f"the value of {safe_text(name)}" if name in self.sequences else safe_text(name) for name in self.unreadable
        ]
        found += [f"the rows of {safe_text(name)} that row security hides" for name in self.filtered]
        return (*found, counted(self.objects, "large object")) if self.objects else tuple(found)

    @property
    def options(self) -> list[str]:
        """Options of `pg_dump` for a dump of everything else."""
        options = [f"--exclude-table{'-data' * (name in self.sequences)}={name}" for name in self.unreadable]
        options += ["--enable-row-security"] if self.filtered else []
        return [*options, "--no-blobs"] if self.objects else options


def dump_readiness(route: Route) -> DumpReadiness:
    """Look ahead as the login of the route. Nothing is raised: that nobody can look is an obstacle as well, not a fatal
    one."""
    try:
        if route.kind == "exec":
            found = _understood(json.loads(run_quietly(route, _FACTS)))
        else:
            with connect(route) as connection:
                found = readiness_of(connection)
        if not route.superuser:  # who may not read subscriptions does not dump them
            return found
        subscriptions = json.loads(run_quietly(route, _SUBSCRIPTIONS) or "null") or []
        return replace(
            found, secrets=(*found.secrets, *(f"the subscription {safe_text(name)}" for name in subscriptions))
        )
    except MidwatchError as error:
        return DumpReadiness(obstacles=(DumpObstacle(f"nobody can look ahead: {error.sentence}", error.hint),))


def readiness_of(connection: Connection) -> DumpReadiness:
    """The same through a connection. Raises `Failed`."""
    import psycopg

    deadline = time.monotonic() + _LEAVING_S
    while True:
        try:
            row = connection.execute(_FACTS.encode()).fetchone()
        except psycopg.Error as error:
            raise Failed(server_reason(error), hint="Take the backup, and restore it for a look") from error
        assert row is not None
        found = json.loads(row[0])
        if not _limits(found) or time.monotonic() > deadline:
            return _understood(found)
        time.sleep(_LEAVING_S / 10)


def _understood(found: Mapping[str, Any]) -> DumpReadiness:
    unreadable, filtered, unlogged = (tuple(found[name] or ()) for name in ("unreadable", "filtered", "unlogged"))
    user = safe_text(found["user"])
    obstacles = []
    if unreadable:
        text = f"{user} may not read {_some(unreadable)}"
        obstacles.append(DumpObstacle(text, f"GRANT pg_read_all_data TO {user}", True))
    if filtered:
        text = f"row security hides rows of {_some(filtered)} from {user}"
        obstacles.append(DumpObstacle(text, f"ALTER ROLE {user} BYPASSRLS", True))
    if found["objects"]:
        text = f"{user} may not read {counted(found['objects'], 'large object')}"
        obstacles.append(DumpObstacle(text, f"GRANT SELECT ON LARGE OBJECT … TO {user}", True))
    if found["locks"] + found["held"] > found["capacity"]:
        text = f"the dump needs {counted(found['locks'], 'lock')}, {found['held']} are held, and the server has about"
        remedy = "raise max_locks_per_transaction, which needs a restart"
        obstacles.append(DumpObstacle(f"{text} {found['capacity']}", remedy))
    obstacles += _limits(found)
    if unlogged:
        text = f"a standby has no rows of unlogged tables, so the dump has none of {_some(unlogged)}"
        obstacles.append(DumpObstacle(text, "dump them on the primary"))
    obstacles += _searching(found["called"] or (), found["functions"] or {}, frozenset(found["names"] or ()))
    secrets = tuple(map(safe_text, found["secrets"] or ()))
    return DumpReadiness(
        unreadable, frozenset(found["sequences"] or ()), filtered, found["objects"], tuple(obstacles), unlogged, secrets
    )


def _limits(found: Mapping[str, Any]) -> list[DumpObstacle]:
    """The limits of sessions that leave no room for a dump."""
    return [_limit(*limit) for limit in found["limits"] if limit and 0 <= limit[2] < limit[3] + SESSIONS]


def _limit(kind: str, name: str, limit: int, sessions: int) -> DumpObstacle:
    text = (
        f"{safe_text(name)} has {sessions} sessions of {limit} that the {kind.lower()} may have, and a dump "
        f"takes {SESSIONS}"
    )
    return DumpObstacle(text, f"ALTER {kind} {safe_text(name)} CONNECTION LIMIT {sessions + SESSIONS}", True)


def _searching(
    called: Iterable[tuple[str, int]], functions: Mapping[str, tuple[str, str, str, bool]], known: frozenset[str]
) -> list[DumpObstacle]:
    """Objects whose functions name something without its schema: a restore finds nothing by the search path."""
    by_name = {name: number for number, (name, *_) in functions.items()}
    found: dict[str, tuple[str, list[str]]] = {}
    for thing, root in called:
        waiting, seen = [str(root)], set[str]()
        while waiting:
            number = waiting.pop()
            _, signature, body, searches = functions[number]
            if number in seen or not searches:
                continue
            seen.add(number)
            calls = unqualified_calls(body) & by_name.keys()
            waiting += [by_name[name] for name in calls]
            if named := sorted(unqualified_relations(body, known)) + sorted(f"{name}()" for name in calls):
                found.setdefault(signature, (", ".join(named[:3]), []))[1].append(thing)
    return [
        DumpObstacle(
            f"{first_few(map(safe_text, things))} will not restore, since {safe_text(signature)} names"
            f" {safe_text(names)} without a schema",
            f"ALTER FUNCTION {safe_text(signature)} SET search_path = …",
        )
        for signature, (names, things) in sorted(found.items())
    ]


def _some(names: Iterable[str]) -> str:
    return first_few(map(safe_text, names))
