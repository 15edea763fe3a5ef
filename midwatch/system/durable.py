"""Durable folder entries: a new or renamed file survives a power failure only after its folder is synchronised."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def make_missing_folders(path: Path, *, mode: int = 0o755) -> None:
    """Make a folder and those above it that are missing, none of them more open than `mode`, whatever the umask is.

    A folder that is there stays as it is. Raises `OSError`.
    """
    if not path.is_dir():
        if not path.parent.exists():
            make_missing_folders(path.parent, mode=mode)
        path.mkdir(mode=mode, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Synchronise the entries of a folder to disk. Raises `OSError` when the folder cannot be opened."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse to sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
