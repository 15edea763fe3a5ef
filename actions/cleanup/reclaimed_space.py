"""Measures the space freed by a clean-up, and explains a shortfall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from midwatch.api.action import Console
from midwatch.system.errors import MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import size
from probes.storage.disk_usage import Budget, Usage, usage
from probes.storage.open_deleted_files import open_deleted_files

ENOUGH = 0.9
"""Share of what was planned from which on nobody has to be notified."""


def measured(folder: Path | None, budgets: Sequence[Budget] = ()) -> Usage | None:
    """How full the disk of this folder is now; None where that cannot be told."""
    try:
        return usage(folder, budgets) if folder is not None else None
    except MidwatchError:
        return None


def tell_shortfall(console: Console, folder: Path, freed: int, planned: int) -> bool:
    """Say so when clearly less came free on the disk of `folder` than was planned, and which deleted files are still
    open.

    Returns whether it fell short. Bytes.
    """
    if freed >= planned * ENOUGH:
        return False
    console.say(f"{size(max(0, freed))} came free on the disk, less than the {size(planned)} that were planned")
    held, complete = open_deleted_files(folder)
    for item in held[:5]:
        told = f"{size(item.size)} of {item.path} is still held open by {item.process} ({item.pid})"
        console.say(safe_text(told))
    if not held:
        console.say("No deleted file is still open there; something else may be writing to that disk")
    if not complete:
        console.say("Only the processes that may be looked at were looked at; root sees all of them")
    return True
