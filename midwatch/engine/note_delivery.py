"""Brings notes from outside into an incident: by the driver while one drives, by this process where nobody does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from midwatch.control.lease import driver_of
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.source_notes import Taken, request_notes
from midwatch.incident.paths import IncidentFolder
from midwatch.runbook.model import Runbook
from midwatch.system.errors import Failed, Refused
from midwatch.system.identity import Identity

AGAIN_S = 0.25
"""Seconds until notes that were not taken yet are sent once more."""
_PATIENCE_S = 20.0
"""Seconds in which drivers may come and go."""


def hand_on(
    folder: IncidentFolder, source: str, notes: Sequence[Mapping[str, Any]], *, actor: str, own: Runbook | None
) -> Taken:
    """Journal the first of these notes, whoever drives by then. Raises `Refused`, also where nobody drives and this
    user may not, and `Failed`."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        is_driven = driver_of(folder) is not None
        try:
            return request_notes(folder, source, notes) if is_driven else _journal(folder, source, notes, actor, own)
        except (Failed, Refused) as error:
            is_passing = is_driven if isinstance(error, Failed) else not is_driven and driver_of(folder) is not None
            if not is_passing or time.monotonic() > deadline:
                raise
        time.sleep(AGAIN_S)


def _journal(
    folder: IncidentFolder, source: str, notes: Sequence[Mapping[str, Any]], actor: str, own: Runbook | None
) -> Taken:
    controller = IncidentController.resume(folder, actor=actor, own=own)
    try:
        return controller.add_source_notes(source, notes, Identity.current())
    finally:
        controller.leave()
