"""Sessions that conflict with a dump: holders of exclusive locks, waiters for one, and long transactions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from midwatch.system.errors import MidwatchError
from midwatch.system.shortened import shortened
from midwatch.system.units import duration, first_few
from probes.postgres.connect import Route
from probes.postgres.role import run_quietly

LONG = 300
"""Seconds from which an open transaction is worth a word."""
SHOWN = 70
"""Characters of a foreign statement that are shown."""
_QUERY = """
WITH held AS (
    SELECT l.pid, l.granted, min(l.relation::regclass::text) AS relation FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation >= 16384
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY l.pid, l.granted)
SELECT coalesce(json_agg(one ORDER BY one.age DESC), '[]')::text FROM (
    SELECT a.pid, coalesce(a.usename, '') AS "user", coalesce(extract(epoch FROM now() - a.xact_start), 0)::float8 AS
        age,
        coalesce(a.query, '') AS query, coalesce(h.relation, '') AS relation, coalesce(h.granted, false) AS granted
    FROM pg_stat_activity a LEFT JOIN held h USING (pid)
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
        AND (h.pid IS NOT NULL OR a.xact_start < now() - interval '{long} seconds')) one
"""


@dataclass(frozen=True, slots=True)
class LockConflict:
    """One session."""

    pid: int
    user: str
    age: float
    """Seconds that its transaction has been open."""
    query: str
    relation: str
    """The table that it has, or waits for, alone; empty when it is only old."""
    granted: bool

    @property
    def blocks(self) -> bool:
        """Whether a dump has to wait for its end."""
        return self.granted and bool(self.relation)

    def __str__(self) -> str:
        text = " ".join(self.query.split())
        if re.search(r"password|secret|token", text, re.IGNORECASE):
            text = "a statement that may hold a secret"
        return f"pid {self.pid}, {self.user}, open for {duration(self.age)}: {shortened(text, SHOWN)}"


def lock_conflicts(route: Route) -> list[LockConflict]:
    """What is there now, the oldest first. Raises `MidwatchError`."""
    return [LockConflict(**one) for one in json.loads(run_quietly(route, _QUERY.format(long=LONG)))]


def facts(route: Route) -> list[tuple[str, str]]:
    """What a plan says of them, label and text."""
    told = []
    for one in lock_conflicts(route):
        if one.blocks:
            told.append(("locked", f"{one.relation} is held by {one}; the dump waits a minute for it"))
        elif one.relation:
            told.append(("waiting", f"{one} waits for {one.relation}, and would wait for the dump's end as well"))
        else:
            told.append(("long transaction", str(one)))
    return told


def blockers(route: Route) -> str:
    """Who holds a table for themselves now, in words; empty when nobody does, or when that cannot be asked."""
    try:
        holders = (f"{one.relation} is held by {one}" for one in lock_conflicts(route) if one.blocks)
        return first_few(holders, between="; ")
    except MidwatchError:
        return ""
