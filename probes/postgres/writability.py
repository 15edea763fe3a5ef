"""Checks in advance whether a server accepts writes: a standby and a read-only server do not."""

from __future__ import annotations

import json
from typing import Any

from midwatch.system.errors import Refused
from midwatch.system.sanitize import safe_text
from probes.postgres.connect import Route
from probes.postgres.conninfo import server_of
from probes.postgres.role import run_quietly

_QUERY = """
SELECT json_build_object('recovery', pg_is_in_recovery(),
    'conninfo', coalesce((SELECT setting FROM pg_settings WHERE name = 'primary_conninfo'), ''),
    'sender', (SELECT concat_ws(':', sender_host, sender_port) FROM pg_stat_wal_receiver LIMIT 1),
    'default', (SELECT json_build_object('setting', setting, 'source', source) FROM pg_settings
        WHERE name = 'default_transaction_read_only'))
"""


def require_writable(route: Route) -> None:
    """Raise `Refused` where this login to this database can write nothing: on a standby, or where it is set read only.

    For a standby the sentence names the primary as the standby itself knows it, without user and password.
    """
    found: dict[str, Any] = json.loads(run_quietly(route, _QUERY))
    if found["recovery"]:
        primary = server_of(found["conninfo"]) or found["sender"]
        where = (
            f"; its primary is {safe_text(primary)}" if primary else "; which server is its primary, it does not say"
        )
        raise Refused(
            f"{route.label} is a standby, which takes no change{where}",
            hint="Point the target at the primary in runbook or site file, and plan again",
        )
    if found["default"]["setting"] == "on":
        where = f"for {route.user} in {route.database} ({found['default']['source']})"
        raise Refused(
            f"{route.label} takes no change: default_transaction_read_only is on {where}",
            hint="Somebody set that on purpose: ask, reset it, and plan again",
        )
