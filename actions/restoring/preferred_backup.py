"""Which backup of a target is restored when none is named: the newest good one, or a proven one a little older."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput, OutcomeUnknown
from midwatch.system.units import duration
from probes.backup.backup_catalog import BackupFile, backups_of
from probes.backup.manifest import SUFFIX
from probes.backup.proof_log import newest_proven, read_proofs
from probes.backups import DAY_AND_TWO_HOURS


@dataclass(frozen=True, slots=True)
class PreferredBackup:
    """The backup to restore."""

    backup: BackupFile
    words: str
    """What is proven of it, and what the choice passes over."""


def choose_backup(context: Context, target: Target) -> PreferredBackup:
    """The newest good backup; before a nightly one, the newest proven restorable one that is at most 26 h older.

    An emergency backup holds what was written since, so nothing older goes before it. Raises `BadInput` when there is
    no good one on this machine.
    """
    found = backups_of(context.runbook, target)
    newest = next((one for one in found if one.good), None)
    if newest is None:
        hint = "Validate one: midwatch action validate-backup, or name it with path"
        raise BadInput(f"There is no validated backup of {target.label}", hint=hint)
    choice = _choice(context, target, found, newest)
    if choice.backup.elsewhere:
        sentence = f"The newest validated backup of {target.label} is not on this machine: {choice.backup.elsewhere}"
        hint = f"Copy it here, beside its manifest {choice.backup.path}{SUFFIX}, and name it with path"
        raise BadInput(sentence, hint=hint)
    return choice


def _choice(context: Context, target: Target, found: list[BackupFile], newest: BackupFile) -> PreferredBackup:
    only = f"validated to depth {newest.depth}, NOT proven restorable"
    try:
        log = read_proofs(context.runbook)
    except OutcomeUnknown as error:
        return PreferredBackup(newest, f"{only}, as far as is known: {error.sentence}")
    proven = newest_proven(found, log)
    if proven is None:
        why = f": {log.problems[0]}" if log.problems else ""
        return PreferredBackup(newest, f"{only}; no backup of {target.label} is{why}")
    if proven.backup is newest:
        return PreferredBackup(newest, f"restored {proven.proof.moment:%Y-%m-%d %H:%M} UTC on {proven.proof.host}")
    older_s = (newest.started - proven.backup.started).total_seconds()
    if newest.emergency or older_s > DAY_AND_TWO_HOURS or proven.backup.elsewhere:
        other = f"the newest proven one is {duration(older_s)} older: path {proven.backup.location}"
        return PreferredBackup(newest, f"{only}; {other}")
    restored = f"restored {proven.proof.moment:%Y-%m-%d %H:%M} UTC on {proven.proof.host}, so it is preferred"
    newer = f"a newer one is only validated to depth {newest.depth}: path {newest.location}, {duration(older_s)} newer"
    return PreferredBackup(proven.backup, f"{restored}; {newer}")
