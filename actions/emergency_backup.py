"""The action `emergency-backup`: a copy of one database somewhere else, streamed, whole or not at all."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from actions.dump_stream import Dumped, dump
from actions.plan_log import log
from midwatch.action import Action, Context, Outcome
from midwatch.clock import iso, stamp
from midwatch.errors import Failed, MidwatchError
from midwatch.parameters import param
from midwatch.plan import Plan, PlanDraft, Risk, Verb
from midwatch.runbook.model import Target
from midwatch.units import duration, percent, size
from probes.catalogue import backups_of, emergency_stem
from probes.disk_usage import budgets_of, usage
from probes.manifest import Manifest
from probes.postgres.connect import Route, connect
from probes.postgres.routes import superuser_route
from probes.postgres.tools import Tools, find_tools

CRITICAL = 95.0
"""Percent of the destination's disk beyond which nothing is written to it."""
_RATIO = 0.45
"""Compressed bytes for each byte of database, when no earlier backup tells better; measured was 0.27."""
LOG = "emergency-backup.log"


@dataclass(frozen=True)
class EmergencyBackup(Action):
    """Dumps a target into the place of emergency backups, compressed while it streams, without a temporary file.

    It takes the superuser's fastest way in, so it works without the application's password. The file gets its name only
    when the dump, the compressor and the disk have all succeeded; else nothing is left. A manifest beside it has checksum,
    source, versions, LSN and the rows of each table in the dump's own snapshot. Refuses when its place would get too full.
    Earlier backups are never touched.
    """

    name: ClassVar[str] = "emergency-backup"
    summary: ClassVar[str] = "Stream a backup of one database to another place"
    risk: ClassVar[Risk] = Risk.CHANGE

    target: Target = param("the database to save")
    digests: bool = param("take a digest of each table's rows too, for a validation by restore", default=False)

    def plan(self, context: Context) -> Plan:
        draft, place = self.draft(), context.place("emergency")
        try:
            route = superuser_route(context.runbook, self.target)
            server, bytes_there = _look(route)
            tools = _tools(context, route, server)
        except MidwatchError as error:
            draft.refusal = str(error)
            return draft.plan()
        expected = self._expected(context, bytes_there)
        name = f"{emergency_stem(self.target)}-<timestamp>.sql.gz"
        draft.add(
            Verb.CREATE,
            shown(context, place / name),
            size=expected,
            note="an estimate",
            identity=f"{place}/{emergency_stem(self.target)}",
        )
        draft.add(Verb.KEEP, "every earlier backup")
        draft.fact("route", f"{route.user} by {route}")
        draft.fact("versions", f"{tools or 'pg_dump of the container'}, server {server}, {size(bytes_there)} of data")
        self._room(draft, context, expected)
        return draft.plan()

    def _expected(self, context: Context, there: int) -> int:
        with contextlib.suppress(OSError):
            for backup in backups_of(context.runbook, self.target):
                return max(backup.size, 1)
        return int(there * _RATIO)

    def _room(self, draft: PlanDraft, context: Context, expected: int) -> None:
        place = context.place("emergency")
        found = usage(place, budgets_of(context.runbook), nearest=True)
        after = found.after(expected)
        draft.fact(
            "room",
            f"{size(found.free)} free on the disk of {shown(context, place)}: {percent(found.percent)} → {percent(after)}",
        )
        if found.read_only:
            draft.refusal = f"{place} is read-only. Set places.emergency to another disk"
        elif after > CRITICAL or expected > found.free:
            draft.refusal = (
                f"{place} would be {percent(after)} full with about {size(expected)} more."
                " Set places.emergency to a disk with room, such as another mount"
            )

    def apply(self, context: Context, plan: Plan) -> Outcome:
        route = superuser_route(context.runbook, self.target)
        server, bytes_there = _look(route)
        tools = _tools(context, route, server)
        place = context.place("emergency")
        began = context.clock.now()
        path = place / f"{emergency_stem(self.target)}-{stamp(began)}.sql.gz"
        log(context, LOG, _opening(context))
        context.console.say(f"source {self.target.name}, PostgreSQL {server}, {size(bytes_there)}, by {route}")
        started = context.clock.monotonic()
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = dump(route, tools, path, context.console.progress, digests=self.digests)
            manifest = self._manifest(context, found, iso(began), server, str(tools or "the container's pg_dump"), str(route))
            manifest.write(path)
        except (MidwatchError, OSError) as error:
            said = error.sentence if isinstance(error, MidwatchError) else error.strerror or str(error)
            log(context, LOG, f"[ERROR] Emergency backup of {self.target.name} failed: {said}")
            if isinstance(error, OSError):
                raise Failed(f"The backup failed: {said}", hint=f"Look at {place}") from error
            raise
        took = context.clock.monotonic() - started
        log(context, LOG, f"[OK] Backup saved: {shown(context, path)}")
        for table, rows in sorted(found.rows.items(), key=lambda item: -item[1])[:5]:
            context.console.say(f"table {table} {rows} rows")
        rate = found.unpacked / took if took > 0 else 0.0
        summary = f"{shown(context, path)}: {size(found.bytes)} in {duration(took)}, {size(rate)}/s of dump"
        return Outcome(True, summary, {"path": str(path), "sha256": found.sha256, "bytes": str(found.bytes)})

    def _manifest(self, context: Context, found: Dumped, began: str, server: str, tool: str, route: str) -> Manifest:
        return Manifest(
            target=self.target.name,
            database=self.target.database,
            started=began,
            ended=iso(context.clock.now()),
            bytes=found.bytes,
            sha256=found.sha256,
            unpacked=found.unpacked,
            server=server,
            tool=tool,
            route=route,
            lsn=found.lsn,
            rows=found.rows,
            digests=found.digests,
            actor=context.actor,
            incident=context.incident.name if context.incident else "",
        )


def shown(context: Context, path: Path) -> str:
    """The path as the plan writes it: `emergency-backup/arp-prod-….sql.gz`."""
    return str(path.relative_to(context.runbook.base)) if path.is_relative_to(context.runbook.base) else str(path)


def _opening(context: Context) -> str:
    try:
        full = usage(context.place("backups"), budgets_of(context.runbook), nearest=True).percent
    except MidwatchError:
        full = 100.0
    state = "Disk usage critical – performing" if full >= CRITICAL else "Performing"
    return f"[EMERGENCY] {state} streamed backup"


def _look(route: Route) -> tuple[str, int]:
    """The server's version and the bytes of the database."""
    if route.kind == "exec":
        from probes.postgres.role import run_quietly

        query = "SELECT current_setting('server_version') || ' ' || pg_database_size(current_database())"
        version, count = run_quietly(route, query).rsplit(" ", 1)
        return version.split()[0], int(count)
    with connect(route) as connection:
        row = connection.execute("SELECT current_setting('server_version'), pg_database_size(current_database())").fetchone()
        assert row is not None
        return str(row[0]).split()[0], int(row[1])


def _tools(context: Context, route: Route, server: str) -> Tools | None:
    return None if route.kind == "exec" else find_tools(context.runbook, int(server.partition(".")[0]))
