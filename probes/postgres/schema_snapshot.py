"""The schema of a database as a table of names and definitions, which two moments can be compared by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probes.postgres.connect import Route
from probes.postgres.role import run_quietly

_LIMIT_S = 60.0
_SCHEMA = """
WITH own AS (SELECT oid, format('%I', nspname) AS name FROM pg_namespace n
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = n.oid AND d.classid = 'pg_namespace'::regclass
            AND d.deptype = 'e')),
rel AS (SELECT c.*, format('%s.%I', own.name, relname) AS name, CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table'
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'foreign table' END AS kind
    FROM pg_class c JOIN own ON own.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT relispartition
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
            AND d.deptype = 'e')),
item(name, definition) AS (
    SELECT 'schema ' || name, '' FROM own
    UNION ALL SELECT kind || ' ' || name, CASE WHEN relkind IN ('v', 'm') THEN md5(pg_get_viewdef(oid)) ELSE '' END
        FROM rel
    UNION ALL SELECT 'rights of ' || name, concat(pg_get_userbyid(relowner), ' ', relacl) FROM rel
    UNION ALL SELECT format('column %s.%I', name, attname), concat(format_type(atttypid, atttypmod),
            CASE WHEN attnotnull THEN ' not null' END, ' ' || pg_get_expr(adbin, adrelid))
        FROM rel JOIN pg_attribute a ON attrelid = rel.oid AND attnum > 0 AND NOT attisdropped AND relkind <> 'S'
        LEFT JOIN pg_attrdef ON adrelid = rel.oid AND adnum = attnum
    UNION ALL SELECT format('constraint %I of %s', conname, name), pg_get_constraintdef(c.oid)
        FROM rel JOIN pg_constraint c ON conrelid = rel.oid AND contype <> 'n'
    UNION ALL SELECT format('index %I of %s', i.relname, rel.name), pg_get_indexdef(i.oid)
        FROM rel JOIN pg_index ON indrelid = rel.oid JOIN pg_class i ON i.oid = indexrelid
    UNION ALL SELECT format('trigger %I of %s', tgname, name), concat(pg_get_triggerdef(t.oid), ' ', tgenabled)
        FROM rel JOIN pg_trigger t ON tgrelid = rel.oid AND NOT tgisinternal
    UNION ALL SELECT format('function %s.%I(%s)', own.name, proname, pg_get_function_identity_arguments(p.oid)),
            md5(concat(prosrc, probin, prorettype::regtype, provolatile, prosecdef, proconfig, proacl,
                pg_get_userbyid(proowner)))
        FROM pg_proc p JOIN own ON own.oid = pronamespace WHERE NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
    UNION ALL SELECT format('type %s.%I', own.name, typname), string_agg(enumlabel, ', ' ORDER BY enumsortorder)
        FROM pg_type t JOIN own ON own.oid = typnamespace JOIN pg_enum ON enumtypid = t.oid GROUP BY 1
    UNION ALL SELECT format('extension %I', extname), extversion FROM pg_extension)
SELECT json_build_object('items', (SELECT coalesce(json_object_agg(name, definition ORDER BY name), '{}') FROM item),
    'tables', (SELECT count(*) FROM rel WHERE kind = 'table'),
    'unreadable', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM rel WHERE relkind IN ('r', 'p', 'f')
        AND NOT (has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(oid, 'SELECT'))))
"""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a login sees. Names are foreign text."""

    items: Mapping[str, str]
    """Name of each object, such as `column public.t.id`, and its definition or a digest of that. Partitions are not in
    it, nor what belongs to an extension."""
    tables: int
    unreadable: tuple[str, ...]
    """Tables that this login may not read."""


def read_schema(route: Route) -> Schema:
    """Read the schema in one statement, which ends within a minute. Raises `MidwatchError`."""
    begin = ("BEGIN READ ONLY", "SET LOCAL search_path = pg_catalog")
    found: dict[str, Any] = json.loads(run_quietly(route, *begin, _SCHEMA, limit=_LIMIT_S))
    return Schema(found["items"], found["tables"], tuple(found["unreadable"]))


def drift(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Each difference as a sentence, in the order of the names; what belongs to a table that is new or gone is not
    listed beside it."""
    for name in sorted(before.keys() | after.keys()):
        kind, _, rest = name.partition(" ")
        parts = rest.partition(" of ")[2] or (rest.removeprefix("of ") if kind == "rights" else "")
        table = rest.rpartition(".")[0] if kind == "column" else parts
        if table and (f"table {table}" in before) != (f"table {table}" in after):
            continue
        if name not in before:
            yield f"{name} is new"
        elif name not in after:
            yield f"{name} is gone"
        elif before[name] != after[name]:
            texts = before[name], after[name]
            is_short = all(text and len(text) < 80 for text in texts) and kind not in ("view", "function")
            yield f"{name} changed{f' from {texts[0]} to {texts[1]}' if is_short else ''}"
