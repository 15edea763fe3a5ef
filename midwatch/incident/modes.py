"""Who else may read and write what lies in an incident's folder: as the folder says, whatever the umask is.

A folder of mode 2750 is read by its group, one of 2770 is written by it as well, and others never get anything. An incident's
own folder is as open as the folder `incidents` that it is made in (docs/two-people.md).
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

_PRIVATE = 0o700


def new_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, as open as the one that it is made in. Raises `OSError`."""
    if not path.parent.is_dir():
        new_folder(path.parent)
    path.mkdir(mode=_PRIVATE)
    if rights := _group_rights(path.parent):
        path.chmod(_PRIVATE | stat.S_ISGID | rights)


def open_file(path: Path, flags: int) -> int:
    """Open a file; one that is made is as open as its folder. Raises `OSError`."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    rights = _group_rights(path.parent) & (stat.S_IRGRP | stat.S_IWGRP) if flags & os.O_CREAT else 0
    if rights and stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o600:
        with contextlib.suppress(PermissionError):  # somebody else's file, as private as its owner made it
            os.fchmod(descriptor, 0o600 | rights)
    return descriptor


def _group_rights(folder: Path) -> int:
    """What a folder lets its group do; nothing unless it is shared on purpose, by the setgid bit."""
    mode = folder.stat().st_mode
    return mode & stat.S_IRWXG if mode & stat.S_ISGID else 0
