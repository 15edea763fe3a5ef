"""Validation of depth 5: restores a backup into a scratch server and compares the content."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from actions.restoring.content_check import Checked, check, compare_with
from actions.restoring.restore_database import create, inspect_server
from actions.restoring.restore_roles import memberships, missing_roles
from actions.restoring.restore_stream import CutShort, NotRestored, Progress, restore
from actions.restoring.restored_views import fill_views
from midwatch.runbook.model import Runbook
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.units import first_few
from probes.backup.dump_file import DumpFile
from probes.backup.dump_toc import DumpContents, read_contents
from probes.backup.manifest import Manifest
from probes.postgres.connect import Route
from probes.postgres.event_triggers import for_restore
from probes.postgres.role import run_quietly
from probes.postgres.routes import superuser_route
from probes.postgres.temp_container import temp_container
from probes.postgres.temp_server import TempServer, temp_server, temp_server_folder
from probes.postgres.tools import Tools

_EMPTY = 160_000_000
"""Bytes of an empty server with the log that it writes ahead."""
_GROWTH = 1.6
"""Bytes of database and indexes for each byte of the unpacked archive."""
_UNPACKED = 8
"""Bytes of archive for each compressed one, when no manifest tells."""
_NAME = "restored"


@dataclass(frozen=True, slots=True)
class RestoreValidation:
    """Where a backup is restored for a look, and how."""

    runbook: Runbook
    place: Path | None = None
    """Below which folder; None for the usual ones."""
    image: str = ""
    """Of the container that it goes into; empty for the programs that are here."""

    def room(self, archive: DumpFile, manifest: Manifest | None) -> int:
        """Bytes that it takes for a while, about."""
        unpacked = manifest.unpacked if manifest else (archive.bytes or 0) * _UNPACKED
        return _EMPTY + int(unpacked * _GROWTH)

    def run(
        self, archive: DumpFile, roles: str, manifest: Manifest | None, tools: Tools, progress: Progress
    ) -> Checked:
        """Restore it, compare, and remove everything again. `roles` is the script of globals beside it; empty without
        one.

        The words say which server took it and what was compared with what. What the backup cannot help (no room, no
        server, an extension that the server lacks, a place that is not reached any more) is raised as `Refused` or
        another `MidwatchError`, not found a problem.
        """
        contents = read_contents(archive, tools.pg_restore)
        with self._server(contents, self.room(archive, manifest)) as scratch:
            _prepare(scratch, contents, archive, roles)
            into = for_restore(replace(scratch.route, database=_NAME), scratch.major)
            entries = contents.entries if contents.views else ()
            try:
                digest, options = manifest.sha256 if manifest else "", ("--no-tablespaces",)
                failed = restore(
                    archive,
                    into,
                    tools,
                    sha256=digest,
                    options=options,
                    progress=progress,
                    entries=entries,
                )
            except NotRestored as error:
                return Checked("", f"it cannot be restored into {scratch.words}: {error.sentence}")
            except CutShort as error:
                raise OutcomeUnknown(f"{error.sentence}. It was {scratch.words}", hint=error.hint) from error
            if failed:
                told = first_few(map(str, failed), between="; ")
                return Checked("", f"it cannot be restored whole into {scratch.words}: {told}")
            unfilled = fill_views(into, scratch.major, contents.views)
            checked = check(into, manifest)
            if checked.unknown:
                hint = "That tells nothing of the backup: run this again"
                raise OutcomeUnknown(f"Restored into {scratch.words}, and then: {checked.unknown}", hint=hint)
            if checked.problem:
                return replace(checked, problem=f"restored into {scratch.words}: {checked.problem}")
            words = [f"restored into {scratch.words}: {checked.words}", *self._source(into, manifest)]
            if unfilled:
                words.append(f"materialized views that cannot be filled here: {first_few(unfilled)}")
            return Checked("; ".join(words))

    def _server(self, contents: DumpContents, needed: int) -> AbstractContextManager[TempServer]:
        if self.image:
            return temp_container(self.image, temp_server_folder(self.place, 0), needed)
        return temp_server(self.runbook, temp_server_folder(self.place, needed), contents.server)

    def _source(self, restored: Route, manifest: Manifest | None) -> list[str]:
        """The comparison with the source as it is now, for a backup that has no digests of its own."""
        target = self.runbook.targets.get(manifest.target) if manifest else None
        if target is None or (manifest is not None and manifest.digests):
            return []
        try:
            return [compare_with(restored, superuser_route(self.runbook, target))]
        except MidwatchError as error:
            return [f"not compared with the content of {target.label}: {error.sentence}"]


def _prepare(scratch: TempServer, contents: DumpContents, archive: DumpFile, script: str) -> None:
    """Make the roles and the empty database. Raises `Refused` when this server cannot take the archive at all."""
    server = inspect_server(scratch.route, _NAME)
    lacking = contents.extensions - server.extensions
    if lacking:
        sentence = f"{scratch.words} lacks the extensions {first_few(sorted(lacking), 10)}, which {archive.name} needs"
        raise Refused(sentence, hint="Name an image that has them: --image NAME")
    wanted = contents.roles - server.roles
    for role in missing_roles(wanted, script):
        run_quietly(scratch.route, role.statement)
    for grant in memberships(wanted, server.roles, script):
        with contextlib.suppress(Failed):  # one that this version does not take; no row depends on it
            run_quietly(scratch.route, grant)
    create(scratch.route, _NAME, _NAME, contents.encoding)
