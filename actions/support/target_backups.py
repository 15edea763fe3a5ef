"""The backups of each target, for checks: what cannot be listed is a finding of its own, never an empty list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from midwatch.api.action import Context
from midwatch.api.findings import Findings
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError, OutcomeUnknown, in_words
from midwatch.system.units import first_few
from probes.backup.backup_report import list_backups
from probes.backup.listed_backup import ListedBackup

_SKEW = timedelta(minutes=5)
"""By how much the clock of another machine may be ahead of this one."""


def backups_by_target(
    context: Context, named: Sequence[Target], findings: Findings
) -> Iterator[tuple[Target, list[ListedBackup]]]:
    """Each of the named targets, or of all, with its backups, the newest first; none is critical.

    Those dated in the future are a warning, and left out. Raises `OutcomeUnknown` when the runbook names no targets.
    """
    targets = tuple(named) or tuple(context.runbook.targets.values())
    if not targets:
        raise OutcomeUnknown("The runbook names no targets", hint="Name them under 'targets:'")
    latest = context.clock.now() + _SKEW
    for target in targets:
        try:
            found = list_backups(context.runbook, target)
        except (OSError, MidwatchError) as error:
            findings.unknown(f"the backups of {target.label} cannot be listed: {in_words(error)}")
            continue
        if ahead := [backup.name for backup in found if backup.started > latest]:
            findings.warn(f"{target.label}: dated in the future: {first_few(ahead)}")
        past = [backup for backup in found if backup.started <= latest]
        if past:
            yield target, past
        else:
            findings.fail(f"{target.label} has no backup")
