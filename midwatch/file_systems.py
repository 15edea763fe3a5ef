"""What kind of file system something lies on, as statfs(2) says, what that means for writing, and where mounts are."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

_COPY_ON_WRITE = {0x9123683E: "btrfs", 0x2FC12FC1: "zfs", 0xCA451A4E: "bcachefs", 0x794C7630: "overlay"}
"""They write elsewhere what is overwritten; an overlay hides what is below it, so it counts as one."""
_IN_MEMORY = {0x01021994: "tmpfs", 0x858458F6: "ramfs"}
_ESCAPED = re.compile(rb"\\([0-7]{3})")
"""How the kernel writes a blank, a tab, a line end and a backslash of a path."""
_ON_A_DISK = {0xEF53: "ext4", 0x58465342: "xfs", 0xF2F52010: "f2fs"}


def copy_on_write(path: Path) -> str:
    """The name of the file system at `path` when it does not honour space that was taken ahead; empty when it does."""
    return _COPY_ON_WRITE.get(_kind(path), "")


def in_memory(path: Path) -> bool:
    """Whether what lies at `path` goes when the machine is restarted."""
    return _kind(path) in _IN_MEMORY


def local(descriptor: int) -> bool:
    """Whether an open file is known to lie where no other machine can reach it. False when that cannot be told."""
    return _kind(descriptor) in _COPY_ON_WRITE | _IN_MEMORY | _ON_A_DISK


def mount_points() -> set[str]:
    """Every path that something is mounted on, as this process sees them; nothing there is touched. Raises `OSError`."""
    lines = Path("/proc/self/mountinfo").read_bytes().split(b"\n")
    return {os.fsdecode(_ESCAPED.sub(_plain, line.split(b" ")[4])) for line in lines if line}


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted exactly here, also a single file, and links on the way followed. Raises `OSError`."""
    return os.path.realpath(path) in mount_points()


def _plain(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)])


def _kind(place: Path | int) -> int:
    """`f_type`, the first field; 0 when it cannot be told."""
    library = ctypes.CDLL(None, use_errno=True)
    found = (ctypes.c_long * 64)()
    if isinstance(place, int):
        return int(found[0]) if library.fstatfs(place, ctypes.byref(found)) == 0 else 0
    return int(found[0]) if library.statfs(os.fsencode(place), ctypes.byref(found)) == 0 else 0
