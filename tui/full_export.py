"""Writes the timeline with every event at the end of a run; the suffix of the file chooses the format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui.user_files import write_bytes

if TYPE_CHECKING:
    from midwatch.engine.incident_protocols import IncidentView


def write_full_timeline(path: Path, incident: IncidentView) -> None:
    """Write the file, as Markdown where the suffix names no format. Raises `BadInput` and `Failed`."""
    from midwatch.reports.export import Document, Export, format_of
    from midwatch.system.local_zone import local_zone

    export = Export(incident.runbook, incident.events, incident.folder, Document.FULL, local_zone())
    write_bytes(path, export.made(format_of(path)))
