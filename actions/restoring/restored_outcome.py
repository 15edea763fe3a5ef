"""The end of a restore: what was found of the new database, the mark that it gets, and the summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from actions.restoring.content_check import Checked
from actions.restoring.restore_database import INCOMPLETE, MAINTENANCE, MARK, mark
from actions.support.proof_record import keep_proof
from midwatch.api.action import Context, Outcome
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.sanitize import safe_text
from midwatch.system.units import counted, duration, first_few
from probes.backup.manifest import Manifest
from probes.backup.proof_log import RESTORED
from probes.postgres.client_errors import ERRORS_KEPT, ClientError
from probes.postgres.connect import Route
from probes.postgres.role import identifier


@dataclass(frozen=True, slots=True)
class RestoredDatabase:
    """A new database into which a backup was restored."""

    route: Route
    file: Path
    """The backup."""
    manifest: Manifest | None
    """The backup's, where all of it was restored."""
    comment: str
    """Of the database in use."""
    failed: Sequence[ClientError]
    """Objects of the last part of the backup that are missing."""
    unfilled: Sequence[str]
    """Materialized views that could not be filled, safe to show."""


def conclude(context: Context, restored: RestoredDatabase, checked: Checked, began: float) -> Outcome:
    """Mark the database by what the check found, and say it. Raises `OutcomeUnknown` when it could not be checked.

    `began` is when the restore began, on the monotonic clock.
    """
    name, file, failed = restored.route.database, restored.file, restored.failed
    values = {"database": name, "path": str(file)}
    for one in failed:
        context.console.say(f"[ERROR] Not restored: {safe_text(str(one))}")
    if checked.unknown:
        hint = f"Nothing is known against the backup. Drop {name}, and restore again"
        raise OutcomeUnknown(f"{name} is restored, but it could not be checked: {checked.unknown}", hint=hint)
    took = context.clock.monotonic() - began
    if checked.problem:
        if restored.manifest is not None:
            keep_proof(context, str(file), restored.manifest, restored.manifest.depth, problem=checked.problem)
        said = f"{name} is NOT what was dumped: {checked.problem}. It is kept for you to look at, and can be dropped"
        context.console.say(f"[ERROR] {said}")
        return Outcome(False, said, values)
    unfilled = ""
    if restored.unfilled:
        unfilled = f"; materialized views that are NOT filled: {first_few(restored.unfilled)}"
        for view in restored.unfilled:
            context.console.say(f"[WARN] Not filled, so reading it fails: {view}. Later: REFRESH MATERIALIZED VIEW")
    words, told = f"{checked.words}{unfilled}", f"{file.name}, {to_rfc3339(context.clock.now())}{unfilled}"
    route = replace(restored.route, database=MAINTENANCE)
    if failed:
        more = " or more" if len(failed) >= ERRORS_KEPT else ""
        missing = f"{counted(len(failed), 'object')}{more} missing: {first_few(safe_text(one.entry) for one in failed)}"
        mark(route, name, restored.comment, f"{INCOMPLETE}: {told}; {missing}")
        drop_sql = f"DROP DATABASE {name if re.fullmatch('[a-z_][a-z0-9_]*', name) else identifier(name)}"
        choice = f"First: {safe_text(str(failed[0]))}; mend it and swap with incomplete, or {drop_sql}"
        return Outcome(False, f"{name} has all rows ({words}) but is NOT whole, {missing}. {choice}", values)
    mark(route, name, restored.comment, f"{MARK}: {told}")
    if restored.manifest is not None:
        where = f"restored into {name}: {words}"
        keep_proof(context, str(file), restored.manifest, RESTORED, seconds=took, compared=where)
    context.console.say(f"[OK] Restored {file.name} into {name}: {words}")
    return Outcome(True, f"{name} in {duration(took)}: {words}", values)
