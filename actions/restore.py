"""The action `restore`: restores a backup into a new database beside the present one, and checks its content."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from actions.dump.dump_progress import in_bytes
from actions.restoring.content_check import check
from actions.restoring.preferred_backup import choose_backup
from actions.restoring.restore_database import (
    INCOMPLETE,
    MAINTENANCE,
    ServerNow,
    create,
    drop,
    free_name,
    inspect_server,
    made_at,
    restored,
    take_over,
)
from actions.restoring.restore_roles import MissingRole, memberships, missing_roles, role_settings, roles_beside
from actions.restoring.restore_room import expected_bytes, tell_room
from actions.restoring.restore_stream import restore
from actions.restoring.restored_outcome import RestoredDatabase, conclude
from actions.restoring.restored_views import fill_views
from actions.restoring.table_selection import TableSelection
from actions.support.backup_argument import named_backup
from actions.support.bound_servers import bind_servers
from actions.support.replication_facts import database_facts, restored_facts
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown
from midwatch.system.sanitize import safe_text
from midwatch.system.units import first_few
from probes.backup.dump_file import DumpFile
from probes.backup.dump_toc import DumpContents, read_contents
from probes.backup.manifest import Manifest
from probes.postgres.connect import Route, require_direct
from probes.postgres.event_triggers import for_restore
from probes.postgres.role import run_quietly
from probes.postgres.routes import superuser_route
from probes.postgres.tools import Tools, find_tools
from probes.postgres.writability import require_writable

_LONG = 3600.0


@dataclass(frozen=True)
class Restore(Action):
    """Restores a backup of a target into a new database `NAME_restored_<timestamp>` on the target's own server.

    Never into a database that is there. Before it starts: can `pg_restore` read the archive, does the server have its
    roles and extensions, is there room. The archive streams in without a temporary file, its SHA-256 is compared, and
    any error ends it and removes the new database. Then the rows of each table (and their digests, when the backup has
    them) are compared with those of the dump's snapshot. Owner, encoding, settings and rights of the database in use
    are taken over. Nothing uses the new database until `swap-database` puts it in place.
    """

    name: ClassVar[str] = "restore"
    summary: ClassVar[str] = "Restore a backup into a new database, and check its content"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("database", "path")

    target: Target = param("whose backup, and into whose server")
    path: Path | None = param(
        "the backup file (default: the newest validated one, or a proven one at most 26 h older)", default=None
    )
    create_roles: bool = param("make the roles that the server lacks, without passwords", default=False)
    tables: tuple[str, ...] = param("restore the rows of these tables alone: schema.table", default=())
    schemas: tuple[str, ...] = param("restore the rows of the tables of these schemas alone", default=())
    identity: Path | None = param("the file with the private key of an encrypted backup", default=None)

    def plan(self, context: Context) -> Plan:
        """Inspect the backup and the server, and list the database to create."""
        draft = self.draft()
        bind_servers(draft, context, [self.target])
        try:
            file, words = self._file(context)
            route = self._route(context)
            require_writable(route)
            server = inspect_server(route, self.target.database)
            manifest = Manifest.read(file)
            if words:
                draft.fact("proven restorable", words)
            contents = read_contents(DumpFile.of(file, self.identity), _tools(context, manifest).pg_restore)
            if self._only:
                self._only.entries(contents)
                left_out = "other tables stay empty, foreign keys and large objects are left out"
                draft.fact("only", f"the rows of {self._only}; {left_out}")
            draft.bind("backup", f"{file}, SHA-256 {manifest.sha256}" if manifest else str(file))
            self._effects(context, draft, file, server, manifest)
            self._roles(draft, file, server, contents)
            if server.encoding:
                database_facts(draft, route, self.target.database)
        except MidwatchError as error:
            draft.refusal = str(error)
            return draft.plan()
        draft.fact("route", f"{route.user} by {route}")
        self._tell(draft, server, contents, manifest)
        restored_facts(draft, contents.publications, contents.subscriptions)
        problems = [
            draft.refusal,
            _misfit(route, server, contents),
            tell_room(context, draft, self.target, route, server, manifest),
        ]
        draft.refusal = "; ".join(problem for problem in problems if problem)
        return draft.plan()

    def _effects(
        self, context: Context, draft: PlanDraft, file: Path, server: ServerNow, manifest: Manifest | None
    ) -> None:
        draft.add(Verb.READ, str(file), size=file.stat().st_size)
        draft.add(
            Verb.CREATE,
            f"database {self.target.database}_{self._word}_<timestamp> on {self.target.label}",
            size=expected_bytes(server, manifest),
            note="an estimate",
            identity=f"restored {self.target.name} {self._only}".rstrip(),
            kind="database",
        )
        if self._only:
            draft.fact("use", "copy what is needed from it by hand, then drop it: swap-database does not take it")
        if server.encoding:
            draft.add(Verb.KEEP, f"database {self.target.database}", size=server.size, note="in use; not touched")

    def _roles(self, draft: PlanDraft, file: Path, server: ServerNow, contents: DumpContents) -> None:
        lacking = contents.roles - server.roles
        if not lacking:
            return
        missing = self._missing(file, lacking)
        for one in missing if self.create_roles else ():
            draft.add(
                Verb.CREATE,
                f"role {one.name}",
                note=f"{one.source}; no password",
                identity=f"role {one.name}",
                kind="role",
            )
        if not self.create_roles:
            names = first_few((one.name for one in missing), 10)
            draft.refusal = (
                f"{self.target.label} lacks roles that own things in the backup or have rights there: {names}."
                " Make them, or restore with create_roles"
            )

    def _missing(self, file: Path, lacking: frozenset[str]) -> list[MissingRole]:
        return missing_roles(lacking, roles_beside(file, self.target.database, self.identity))

    def _tell(self, draft: PlanDraft, server: ServerNow, contents: DumpContents, manifest: Manifest | None) -> None:
        draft.fact(
            "versions", f"dumped from {contents.server} by pg_dump {contents.tool}, into server {server.version}"
        )
        if manifest is None:
            draft.fact("check", "it has no manifest, so there are no row counts to compare with")
        else:
            kind = "rows and digests" if manifest.digests else "rows"
            state = f"depth {manifest.depth}" if manifest.good else "NOT validated"
            draft.fact("check", f"{kind} of {len(manifest.rows)} tables; the backup is {state}")
            if manifest.left_out:
                draft.fact("not in it", first_few(manifest.left_out, 10))
        into = server.encoding or contents.encoding
        if contents.encoding == "SQL_ASCII" and into != "SQL_ASCII":
            draft.fact(
                "encoding", f"the backup is SQL_ASCII: PostgreSQL lets bytes that are no {into} in; they are looked for"
            )
        if contents.tablespaces - server.tablespaces:
            draft.fact(
                "tablespaces",
                f"the server lacks {first_few(sorted(contents.tablespaces - server.tablespaces))}: left out",
            )

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Restore the backup into a new database and compare its content."""
        file, _ = self._file(context)
        manifest = Manifest.read(file)
        route = self._route(context)
        require_writable(route)
        server = inspect_server(route, self.target.database)
        contents = read_contents(DumpFile.of(file, self.identity), _tools(context, manifest).pg_restore)
        name = free_name(server, self.target.database, self._word, context.clock.now())
        self._make_roles(context, file, route, server, contents)
        began = context.clock.monotonic()
        into = for_restore(replace(route, database=name), server.version)
        create(route, name, self.target.database, contents.encoding)
        context.console.say(f"The database {name} is made; restoring {file.name}")
        try:
            tools = None if route.kind == "exec" else _tools(context, manifest)
            lacking = contents.tablespaces - server.tablespaces
            options = ("--no-tablespaces",) if lacking else ()
            digest = manifest.sha256 if manifest else ""
            tell = in_bytes(context.console)
            archive = DumpFile.of(file, self.identity)
            entries = contents.entries if contents.views else ()
            failed = restore(
                archive,
                into,
                tools,
                sha256=digest,
                options=options,
                progress=tell,
                entries=self._only.entries(contents) if self._only else entries,
            )
            unfilled = fill_views(into, server.version, () if self._only else contents.views)
        except BaseException as error:
            self._give_up(context, route, name, server, file, error)
            raise
        take_over(route, name, self.target.database)
        run_quietly(into, "ANALYZE", limit=_LONG)
        unsure = contents.encoding == "SQL_ASCII" and server.encoding not in ("", "SQL_ASCII")
        expected = self._only.manifest(manifest, contents) if manifest and self._only else manifest
        comment, whole = server.databases.get(self.target.database, ""), None if self._only else manifest
        restored = RestoredDatabase(into, file, whole, comment, failed, unfilled)
        return conclude(context, restored, check(into, expected, every_byte=unsure), began)

    def _give_up(
        self, context: Context, route: Route, name: str, server: ServerNow, file: Path, error: BaseException
    ) -> None:
        """Remove what was begun. What came first stays the error, and says as well if something is left."""
        left = drop(route, name, server.version)
        state = (
            f"{name} is removed" if not left else f"{name} is left behind, half restored, and cannot be removed: {left}"
        )
        if left:
            context.console.say(f"[WARN] {state}. Drop it manually, as docs/actions/restore.md says")
        if isinstance(error, MidwatchError):
            context.console.say(f"[ERROR] Restore of {file.name} failed: {error.sentence}; {state}")
            error.sentence += f"; {state}" if left else ""

    def _make_roles(
        self, context: Context, file: Path, route: Route, server: ServerNow, contents: DumpContents
    ) -> None:
        lacking = contents.roles - server.roles
        if not lacking:
            return
        made = self._missing(file, lacking)
        for one in made:
            run_quietly(route, one.statement)
            context.console.say(f"Made the role {safe_text(one.name)} ({one.source})")
        script = roles_beside(file, self.target.database, self.identity)
        for command in (*memberships(lacking, server.roles, script), *role_settings(lacking, script)):
            with contextlib.suppress(Failed):  # one that the server's version does not take
                run_quietly(route, command)

    def verify(self, context: Context, since: datetime) -> Outcome:
        """The mark on a restored database is the last thing that a restore does."""
        server = inspect_server(self._route(context), self.target.database)
        found = restored(server, self.target.database, self._word)
        young = {
            name: mark for name, mark in found.items() if (at := made_at(name)) and at >= since.replace(microsecond=0)
        }
        if not young:
            return Outcome(False, f"No database has been restored since {to_rfc3339(since)}")
        name, mark = next(iter(young.items()))
        if mark == INCOMPLETE:
            return Outcome(False, f"{name} has all rows but is NOT whole: {server.databases[name]}", {"database": name})
        if mark:
            return Outcome(True, f"{name} is restored and checked", {"database": name})
        if server.sessions.get(name):
            raise OutcomeUnknown(f"{name} is still being restored", hint="Wait for it, or end its sessions")
        return Outcome(False, f"{name} is half restored, and nothing works on it any more. Drop it")

    def _route(self, context: Context) -> Route:
        """The superuser's way past the target's own database and past any pooler. Raises `MidwatchError`."""
        route = superuser_route(context.runbook, replace(self.target, database=MAINTENANCE))
        require_direct(route, route.pooled)
        return route

    @property
    def _only(self) -> TableSelection:
        return TableSelection(self.tables, self.schemas)

    @property
    def _word(self) -> str:
        """What the name of the new database has in the middle; a part is never swapped for a whole."""
        return "tables" if self._only else "restored"

    def _file(self, context: Context) -> tuple[Path, str]:
        """The backup, and what is proven of one that was not named."""
        if self.path is not None:
            return named_backup(self.path), ""
        choice = choose_backup(context, self.target)
        return choice.backup.path, choice.words


def _tools(context: Context, manifest: Manifest | None) -> Tools:
    return find_tools(context.runbook, manifest.tool_major if manifest else 0)


def _misfit(route: Route, server: ServerNow, contents: DumpContents) -> str:
    """Why this server cannot take the archive; empty when it can."""
    lacking = contents.extensions - server.extensions
    if lacking:
        return f"{route.label} lacks the extensions {first_few(sorted(lacking), 10)}: install them on the server"
    if route.kind == "exec" and contents.tool > server.version:
        return (
            f"The backup was written by pg_dump {contents.tool}, newer than the container's pg_restore {server.version}"
        )
    return ""
