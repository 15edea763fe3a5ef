"""What leaving does to a rehearsal, whose servers, folder and record are deleted then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DELETED = "This is a rehearsal: when you leave, its servers, its files and its record are deleted."


@dataclass(frozen=True, slots=True)
class RehearsalEnd:
    """Given to the front end of a rehearsal that ends with it."""

    export: Callable[[], Path]
    """Writes the timeline to a file that stays, and returns its path. Raises `MidwatchError`."""
