"""A freeze as an incident leaves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from actions.support import freeze_file


def write_freeze(path: Path, incident: str) -> None:
    """Freeze deployments for an hour in the name of this incident."""
    since = datetime.now(UTC)
    freeze_file.write(path, freeze_file.Freeze("ada", "a test", since, since + timedelta(hours=1), incident))
