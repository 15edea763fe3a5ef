"""Deleted files that a process still has open or mapped. Their space is freed only when the process lets go of them."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from midwatch.system.errors import OutcomeUnknown
from midwatch.system.mounts import Mount, read_mounts
from probes.storage.timeout import within

SUFFIX = " (deleted)"
_MAPPED = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ ([0-9a-f]+):([0-9a-f]+) \d+ +(/.*) \(deleted\)$", re.MULTILINE)
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_UPPER = re.compile(r"(?:^|,)upperdir=(/[^,]+)")


@dataclass(frozen=True, slots=True)
class OpenDeletedFile:
    """One deleted file that a process holds open."""

    pid: int
    process: str
    path: str
    """Where it was. Foreign text."""
    size: int
    """Bytes on disk that closing it would free."""
    device: int
    """The file system that the bytes lie on; for a file in a container's layer that of the layer."""
    container: str = ""
    """The id of the container that the process runs in; empty when it runs in none."""


def open_deleted_files(folder: Path | None = None, *, limit: float = 5.0) -> tuple[list[OpenDeletedFile], bool]:
    """Deleted files in use on the file system of `folder` (or on any), largest first, and whether all were looked at.

    Without root only the caller's own processes can be looked at, and no file on a mount that may not answer.
    Ends within about `limit` seconds, also where a process keeps the kernel from showing its mappings.
    """
    search = _Search(folder.stat().st_dev if folder is not None else None, time.monotonic() + limit)
    try:
        within(limit + 1.0, "the list of open files", search.run)
    except OutcomeUnknown:
        search.complete = False
    return sorted(search.found.copy().values(), key=lambda item: item.size, reverse=True), search.complete


class _Search:
    """What was found so far, by device and inode: a file that is open twice is held once."""

    def __init__(self, device: int | None, deadline: float) -> None:
        self._device, self._deadline = device, deadline
        self._safe = [mount for mount in read_mounts().values() if not mount.is_foreign]
        self.found: dict[tuple[int, int], OpenDeletedFile] = {}
        self.complete = True

    def run(self) -> None:
        """Look at the open files of all processes first: what a process has mapped can be slow to be shown."""
        import psutil

        for look in (self._open_files, self._mapped_files):
            for pid in psutil.pids():
                if time.monotonic() > self._deadline:
                    self.complete = False
                    return
                try:
                    look(pid)
                except PermissionError:
                    self.complete = False
                except OSError:
                    continue  # it has ended

    def _open_files(self, pid: int) -> None:
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            link = Path(f"/proc/{pid}/fd/{name}")
            with contextlib.suppress(FileNotFoundError):
                target = str(link.readlink())
                if target.endswith(SUFFIX) and not target.startswith("/memfd:"):
                    self._take_in(pid, link, target.removesuffix(SUFFIX), number=_mount_number(pid, name))

    def _mapped_files(self, pid: int) -> None:
        text = Path(f"/proc/{pid}/maps").read_bytes()
        if SUFFIX.encode() not in text:
            return
        for first, last, major, minor, path in _MAPPED.findall(text):
            device = f"{int(major, 16)}:{int(minor, 16)}"
            if path.startswith((b"/memfd:", b"/SYSV", b"/dev/zero")):
                continue
            link = Path(f"/proc/{pid}/map_files/{int(first, 16):x}-{int(last, 16):x}")
            self._take_in(pid, link, os.fsdecode(path), device=device)

    def _take_in(self, pid: int, link: Path, path: str, *, number: int = -1, device: str = "") -> None:
        """Count it when it is a deleted file; nothing is asked of a mount, known by number or device, that may not
        answer."""
        mounts = chain(self._safe, _mounts_there(pid))
        its = next((mount for mount in mounts if number == mount.number or device == mount.device), None)
        if its is None:
            self.complete = False
            return
        status = link.stat()
        layer = _layer_device(its) if its.kind == "overlay" else None
        lies_on = status.st_dev if layer is None else layer
        size = status.st_blocks * 512
        if not size or not stat.S_ISREG(status.st_mode) or status.st_nlink or self._device not in (None, lies_on):
            return
        key = status.st_dev, status.st_ino
        if key not in self.found:
            self.found[key] = OpenDeletedFile(pid, _name(pid), path, size, lies_on, _container(pid))


def _mount_number(pid: int, handle: str) -> int:
    """Number of the mount that an open file is on, as the kernel tells without touching the file. Raises `OSError`."""
    for line in Path(f"/proc/{pid}/fdinfo/{handle}").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "mnt_id":
            return int(value)
    return 0


def _mounts_there(pid: int) -> Iterator[Mount]:
    """The mounts of a process that answer by themselves: a container has mounts of its own."""
    yield from (mount for mount in read_mounts(Path(f"/proc/{pid}/mountinfo")).values() if not mount.is_foreign)


def _layer_device(mount: Mount) -> int | None:
    """The file system that holds what is written to an overlay; None where that cannot be seen."""
    upper = _UPPER.search(mount.options)
    try:
        return Path(upper[1]).stat().st_dev if upper else None
    except OSError:
        return None


def _container(pid: int) -> str:
    try:
        found = _CONTAINER.search(Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return found[0] if found else ""


def _name(pid: int) -> str:
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "ended"
