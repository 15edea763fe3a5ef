"""The type of a file system by statfs(2), and what the type means for written data."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_COPY_ON_WRITE = {0x9123683E: "btrfs", 0x2FC12FC1: "zfs", 0xCA451A4E: "bcachefs", 0x794C7630: "overlay"}
"""Copy-on-write file systems. An overlay hides the file system below, so it counts as copy-on-write."""
_IN_MEMORY = {0x01021994: "tmpfs", 0x858458F6: "ramfs"}
_ON_A_DISK = {0xEF53: "ext4", 0x58465342: "xfs", 0xF2F52010: "f2fs"}


def copy_on_write(path: Path) -> str:
    """The name of the file system at `path` when it does not honour space that was taken ahead; empty when it does."""
    return _COPY_ON_WRITE.get(_kind(path), "")


def in_memory(path: Path) -> bool:
    """Whether the files at `path` are lost when the machine restarts."""
    return _kind(path) in _IN_MEMORY


def local(descriptor: int) -> bool:
    """Whether an open file is known to lie where no other machine can reach it. False when that cannot be told."""
    return _kind(descriptor) in _COPY_ON_WRITE | _IN_MEMORY | _ON_A_DISK


def _kind(place: Path | int) -> int:
    """`f_type`, the first field; 0 when it cannot be told."""
    library = ctypes.CDLL(None, use_errno=True)
    found = (ctypes.c_long * 64)()
    if isinstance(place, int):
        return int(found[0]) if library.fstatfs(place, ctypes.byref(found)) == 0 else 0
    return int(found[0]) if library.statfs(os.fsencode(place), ctypes.byref(found)) == 0 else 0
