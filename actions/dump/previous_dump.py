"""The earlier dumps of a database: the expected size of the next dump, and whether the database has shrunk."""

from __future__ import annotations

import contextlib

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.units import size
from probes.backup.backup_catalog import backups_of


def last_unpacked(runbook: Runbook, target: Target) -> int:
    """Bytes of its last dump before compression; 0 when none is known."""
    with contextlib.suppress(OSError, OutcomeUnknown):
        return next((one.manifest.unpacked for one in backups_of(runbook, target) if one.manifest is not None), 0)
    return 0


def far_below_last(runbook: Runbook, target: Target, unpacked: int) -> str:
    """`less than half of the 4.2 MB of 2026-11-22T02:00Z` for a dump of so many bytes; empty for one that is not.

    It is compared with the last good one (depth 3 or more); where none is, or may be looked at, there is nothing to
    say.
    """
    last = None
    with contextlib.suppress(OSError, OutcomeUnknown):
        last = next((one.manifest for one in backups_of(runbook, target) if one.good and one.manifest), None)
    if last is None or unpacked * 2 >= last.unpacked:
        return ""
    return f"less than half of the {size(last.unpacked)} of {last.started[:16]}Z"
