"""Waits for a new file in a folder by the inotify of the kernel, instead of polling."""

from __future__ import annotations

import ctypes
import os
import select
import time
from pathlib import Path
from typing import Self

_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_NEW = 0x00000080 | 0x00000100
"""A file has a new name or is new (`IN_MOVED_TO`, `IN_CREATE`)."""


class FolderWatch:
    """Sees new files from its making on. Where the kernel has no watch left, it waits for the whole time."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None)
        self._descriptor = int(libc.inotify_init1(_FLAGS))
        if self._descriptor >= 0 and libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _NEW) < 0:
            self.close()

    def wait(self, seconds: float) -> None:
        """Return at a new file, which may have come since the last call, and after so many seconds at most."""
        if self._descriptor < 0:
            time.sleep(seconds)
        elif select.select([self._descriptor], [], [], seconds)[0]:
            os.read(self._descriptor, 65536)

    def close(self) -> None:
        """Let go of the watch."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
