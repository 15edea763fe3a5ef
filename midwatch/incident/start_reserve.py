"""Disk space reserved for starting steps on a full disk, such as the step that frees space.

It is taken when the incident is declared, and given back a piece at a time when a start finds none. What an attempt
needs is small: a folder, some ten files, 200 KiB. The journal has a reserve of its own
(`midwatch.journal.preallocation`).
"""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path

from midwatch.incident.permissions import new_folder, open_file

PIECE = 256 * 1024
"""Bytes given back at a time: enough for one start."""
SPACE = 8 * PIECE
FILES_A_START = 12
FILES = 2 * FILES_A_START
"""Empty files, each of which keeps an inode."""
_AMPLE = 2
"""How many times what is taken the disk has to have, so that the incident is not what fills it."""


@dataclass(frozen=True, slots=True)
class Release:
    """What was given back to the disk."""

    space: int
    """Bytes."""
    files: int
    left: int
    """Bytes that are left of what was kept."""
    reason: str
    """Why, in the words of the system."""


class StartReserve:
    """The folder `spare` of an incident: the file `room`, and empty files beside it."""

    def __init__(self, incident: Path) -> None:
        self._folder = incident / "spare"
        self._room = self._folder / "room"

    def keep(self) -> None:
        """Take what is missing, where the disk has plenty. Never raises: an incident goes on without it."""
        with contextlib.suppress(OSError):
            disk = os.statvfs(self._folder.parent)
            names = set(os.listdir(self._folder)) if self._folder.exists() else set()  # noqa: PTH208
            size = self._room.stat().st_size if self._room.name in names else 0
            if size < SPACE and disk.f_bavail * disk.f_frsize >= _AMPLE * SPACE:
                with contextlib.suppress(FileExistsError):
                    new_folder(self._folder)
                self._take()
            if self._room.exists() and (not disk.f_files or disk.f_favail >= _AMPLE * FILES):
                for name in _file_names():
                    if name not in names:
                        os.close(open_file(self._folder / name, os.O_CREAT | os.O_EXCL))

    def release(self) -> Release | None:
        """Give a piece back where a start would find no room; None when it finds some, or nothing is left to give."""
        try:
            descriptor = open_file(self._room, os.O_RDWR)
        except OSError:
            return None
        try:
            size = os.fstat(descriptor).st_size
            if _lacks_files(descriptor):
                gone = self._remove_files(FILES_A_START)
                return Release(0, gone, size, "No inode is free on it") if gone else None
            reason = _lacks_space(descriptor, size)
            if not reason or not size:
                return None
            os.ftruncate(descriptor, max(0, size - PIECE))
            return Release(min(size, PIECE), 0, max(0, size - PIECE), reason)
        except OSError:  # the disk has another fault, and what is tried next says which
            return None
        finally:
            os.close(descriptor)

    def drop(self) -> None:
        """Give all of it back. Never raises."""
        with contextlib.suppress(OSError):
            self._remove_files(FILES)
            self._room.unlink(missing_ok=True)
            self._folder.rmdir()

    def _take(self) -> None:
        descriptor = open_file(self._room, os.O_RDWR | os.O_CREAT)
        try:
            os.posix_fallocate(descriptor, 0, SPACE)
        finally:
            os.close(descriptor)

    def _remove_files(self, count: int) -> int:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            there = sorted(set(_file_names()) & set(os.listdir(folder)))[:count]  # noqa: PTH208
            for name in there:
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(folder)
        return len(there)


def _file_names() -> list[str]:
    return [f"file-{number:02d}" for number in range(FILES)]


def _lacks_files(descriptor: int) -> bool:
    disk = os.fstatvfs(descriptor)
    free = disk.f_ffree if os.geteuid() == 0 else disk.f_favail
    return disk.f_files > 0 and free < FILES_A_START  # some file systems have no table of inodes, and say 0


def _lacks_space(descriptor: int, size: int) -> str:
    """Why the disk does not give one more piece; empty when it does. Tried and not looked up: a quota is not in
    `statvfs`."""
    try:
        os.posix_fallocate(descriptor, size, PIECE)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return error.strerror or ""
    else:
        return ""
    finally:
        os.ftruncate(descriptor, size)
