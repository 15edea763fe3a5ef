"""Fills the materialized views of a restored database, after everything else and with its event triggers off.

A dump holds no rows of them. What keeps one from being filled (a server that it reads and that is not reached from
here) says nothing of the backup, so it ends no restore.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from midwatch.system.errors import Failed
from midwatch.system.sanitize import safe_text
from probes.postgres.connect import Route
from probes.postgres.content import LONG
from probes.postgres.event_triggers import disabled_event_triggers
from probes.postgres.role import run_quietly

_VIEWS = """
SELECT json_agg(json_build_array(translate(concat_ws(' ', n.nspname, c.relname, pg_get_userbyid(c.relowner)),
    E'\\n\\r', '  '),
    format('%I.%I', n.nspname, c.relname)))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND NOT c.relispopulated
"""
_SAFELY = "SELECT set_config('search_path', '', false), set_config('row_security', 'off', false)"
"""As `pg_restore` does it."""


def fill_views(route: Route, server: int, wanted: Sequence[str]) -> list[str]:
    """Fill them in this order. Which could not be filled and why, safe to show. Raises `MidwatchError`.

    `wanted` are `SCHEMA NAME OWNER`, as the archive lists them.
    """
    if not wanted:
        return []
    left = []
    with disabled_event_triggers(route, server):
        empty = dict(json.loads(run_quietly(route, _VIEWS) or "null") or [])
        for listed in wanted:
            if listed not in empty:
                left.append(f"{safe_text(listed)} (not found in the restored database)")
                continue
            try:
                run_quietly(route, _SAFELY, f"REFRESH MATERIALIZED VIEW {empty[listed]}", limit=LONG)
            except Failed as error:
                left.append(f"{safe_text(empty[listed])} ({safe_text(error.sentence.partition('statement: ')[2])})")
    return left
