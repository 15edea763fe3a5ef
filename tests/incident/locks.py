"""The lock file of an incident, as a test sees it."""

from __future__ import annotations

from midwatch.control.lease import LockSnapshot
from midwatch.incident.paths import IncidentFolder


def sight(folder: IncidentFolder) -> LockSnapshot:
    seen = LockSnapshot.of(folder)
    assert seen is not None
    return seen
