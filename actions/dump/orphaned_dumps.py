"""Finds dumps in containers whose reader has gone. Such a dump keeps its locks and its snapshot.

Docker ends no command whose client is gone (moby/moby#35703), and one that cannot write waits for ever. So a dump says
in its `application_name` which process reads it.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from dataclasses import dataclass

from midwatch.system.errors import MidwatchError
from midwatch.system.process import ProcessIdentity, boot_id
from midwatch.system.units import duration
from probes.containers.client import engine
from probes.containers.command import run_in
from probes.postgres.connect import APPLICATION, Route
from probes.postgres.role import literal, run_quietly

_PREFIX = f"{APPLICATION} dump "
_BOOT = 8
"""Letters of a boot's name that are enough to tell it by; a server keeps 63 bytes of the whole."""
_LIST = """
SELECT coalesce(json_agg(json_build_object('application', application_name, 'pid', pid,
    'age', extract(epoch FROM now() - backend_start)::float8) ORDER BY backend_start), '[]')::text
FROM pg_stat_activity WHERE application_name LIKE {pattern} AND pid <> pg_backend_pid()
"""
_END = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = {application} AND pid <> pg_backend_pid()
"""
_KILL = """
for each in /proc/[0-9]*; do
    tr '\\0' '\\n' <"$each/environ" 2>/dev/null | grep -qxF "PGAPPNAME=$1" && kill -9 "${each#/proc/}"
done
exit 0
"""
_PATIENCE = 20.0
"""Seconds for one look into the container."""


@dataclass(frozen=True, slots=True)
class OrphanedDump:
    """One dump whose reader, a process of this machine, has ended."""

    application: str
    """Its `application_name`, which no other dump has."""
    pid: int
    """Of the server's process, as the server counts."""
    age: float
    """Seconds since it began."""

    def __str__(self) -> str:
        return f"a dump that lost its reader, pid {self.pid}, begun {duration(self.age)} ago"


def application() -> str:
    """An `application_name` for a dump that this process reads, and for no other."""
    me = ProcessIdentity.current()
    return f"{_PREFIX}{me.pid}-{me.start}-{me.boot[:_BOOT]}-{secrets.token_hex(4)}"


def orphaned_dumps(route: Route) -> list[OrphanedDump]:
    """Those in the route's server, the oldest first. What another machine reads is never among them. Raises
    `MidwatchError`."""
    found = json.loads(run_quietly(route, _LIST.format(pattern=literal(f"{_PREFIX}%"))))
    return [one for one in (OrphanedDump(**each) for each in found) if _is_lost(one.application)]


def end_dump(route: Route, name: str, container: str = "") -> None:
    """End the dump with this `application_name`, if it still runs, on the server and inside its container.

    Without the server `pg_dump` holds nothing any more, but one that waits to write what nobody reads never notices.
    Raises `MidwatchError` when the server cannot be asked; whether a container can be looked into (`route`'s, else this
    one) is another matter.
    """
    run_quietly(route, _END.format(application=literal(name)))
    if inside := route.container or container:
        with contextlib.suppress(MidwatchError), engine(_PATIENCE) as client:
            run_in(client, inside, "sh", "-c", _KILL, "sh", name)


def _is_lost(name: str) -> bool:
    try:
        pid, start, boot, _ = name.removeprefix(_PREFIX).split("-")
        return boot == boot_id()[:_BOOT] and not ProcessIdentity(int(pid), int(start), boot_id()).alive
    except ValueError:
        return False
