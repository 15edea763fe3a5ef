"""The identity of a folder (device and inode), which reveals a different folder under the same path."""

from __future__ import annotations

import os
from pathlib import Path


def folder_identity(path: Path) -> str:
    """Where the path leads and which folder is there; of one that is still to be made, the folder in which it is
    made."""
    real = Path(os.path.realpath(path))  # Path.resolve raises for links in a circle
    for folder in (real, *real.parents):
        try:
            found = folder.stat()
        except OSError:
            continue
        within = "" if folder == real else f" to be made in {folder},"
        return f"{real},{within} device {found.st_dev}, inode {found.st_ino}"
    return str(real)
