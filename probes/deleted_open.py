"""Files that were deleted and are still open: their space is not free until the process lets go of them."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from pathlib import Path

SUFFIX = " (deleted)"


@dataclass(frozen=True, slots=True)
class DeletedOpen:
    """One deleted file that a process holds open."""

    pid: int
    process: str
    path: str
    """Where it was. Foreign text."""
    size: int
    """Bytes on disk that closing it would free."""


def deleted_open(folder: Path | None = None, *, limit: float = 5.0) -> tuple[list[DeletedOpen], bool]:
    """Deleted, open files on the file system of `folder` (or on any), largest first, and whether all were looked at.

    Without root only the caller's own processes can be looked at. Ends within `limit` seconds.
    """
    device = folder.stat().st_dev if folder is not None else None
    deadline = time.monotonic() + limit
    found: dict[tuple[int, int], DeletedOpen] = {}
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
            _look(int(process.name), handle, device, found)
    return sorted(found.values(), key=lambda item: item.size, reverse=True), complete


def _look(pid: int, link: Path, device: int | None, found: dict[tuple[int, int], DeletedOpen]) -> None:
    try:
        target = str(link.readlink())
        if not target.endswith(SUFFIX) or target.startswith("/memfd:"):
            return
        status = link.stat()
    except OSError:
        return
    if not stat.S_ISREG(status.st_mode) or status.st_nlink or (device is not None and status.st_dev != device):
        return
    size = status.st_blocks * 512
    if size:
        found.setdefault((status.st_dev, status.st_ino), DeletedOpen(pid, _name(pid), target.removesuffix(SUFFIX), size))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "ended"
