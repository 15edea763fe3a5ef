"""Rotates a log as logrotate does, nine older files at most."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def rename(log: Path) -> None:
    """Rotate; the writer makes the new file."""
    _shift(log)
    log.rename(f"{log}.1")


def copy_and_truncate(log: Path) -> None:
    """Rotate with `copytruncate`."""
    _shift(log)
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)


def _shift(log: Path) -> None:
    for number in range(8, 0, -1):
        if (older := Path(f"{log}.{number}")).exists():
            older.rename(f"{log}.{number + 1}")
