"""Deleted files that are still open. Their space is freed only when the process closes them."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.mounts import read_mounts

SUFFIX = " (deleted)"


@dataclass(frozen=True, slots=True)
class OpenDeletedFile:
    """One deleted file that a process holds open."""

    pid: int
    process: str
    path: str
    """Where it was. Foreign text."""
    size: int
    """Bytes on disk that closing it would free."""


def open_deleted_files(folder: Path | None = None, *, limit: float = 5.0) -> tuple[list[OpenDeletedFile], bool]:
    """Deleted, open files on the file system of `folder` (or on any), largest first, and whether all were looked at.

    Without root only the caller's own processes can be looked at, and no file on a mount that may not answer.
    Ends within `limit` seconds.
    """
    device = folder.stat().st_dev if folder is not None else None
    safe = frozenset(mount.number for mount in read_mounts().values() if not mount.is_foreign)
    deadline = time.monotonic() + limit
    found: dict[tuple[int, int], OpenDeletedFile] = {}
    complete = True
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        if time.monotonic() > deadline:
            complete = False
            break
        try:
            handles = list((process / "fd").iterdir())
        except PermissionError:
            complete = False
            continue
        except OSError:
            continue  # it has ended
        for handle in handles:
            complete = _look(int(process.name), handle, device, safe, found) and complete
    return sorted(found.values(), key=lambda item: item.size, reverse=True), complete


def _look(
    pid: int, link: Path, device: int | None, safe: frozenset[int], found: dict[tuple[int, int], OpenDeletedFile]
) -> bool:
    """Take it in when it is one. Whether it could be looked at."""
    try:
        target = str(link.readlink())
        if not target.endswith(SUFFIX) or target.startswith("/memfd:"):
            return True
        if _mount_of(pid, link.name) not in safe | _safe_there(pid):
            return False
        status = link.stat()
    except OSError:
        return True
    if not stat.S_ISREG(status.st_mode) or status.st_nlink or (device is not None and status.st_dev != device):
        return True
    size = status.st_blocks * 512
    if size:
        found.setdefault(
            (status.st_dev, status.st_ino), OpenDeletedFile(pid, _name(pid), target.removesuffix(SUFFIX), size)
        )
    return True


def _mount_of(pid: int, handle: str) -> int:
    """Number of the mount that an open file is on, as the kernel tells without touching the file. Raises `OSError`."""
    for line in Path(f"/proc/{pid}/fdinfo/{handle}").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "mnt_id":
            return int(value)
    return 0


def _safe_there(pid: int) -> frozenset[int]:
    """Numbers of the mounts of a process that answer by themselves: a container has mounts of its own."""
    table = Path(f"/proc/{pid}/mountinfo")
    return frozenset(mount.number for mount in read_mounts(table).values() if not mount.is_foreign)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "ended"
