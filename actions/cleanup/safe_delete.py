"""Removes named files below a root. Follows no link and enters no other file system.

`rm -rf` with a slash behind a link empties what the link points to. Here every folder on the way is opened without
following links, and a file goes only if it is still the one that was planned.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from midwatch.system.errors import Failed, Refused


@dataclass(frozen=True, slots=True)
class Planned:
    """One file that may go: where it lies below the root, and what makes it that file."""

    name: PurePosixPath
    device: int
    inode: int
    size: int
    links: int
    modified: int
    """Nanoseconds."""

    @property
    def frees(self) -> int:
        """Bytes that removing it gives back: nothing while another name holds the same file."""
        return self.size if self.links == 1 else 0

    @property
    def identity(self) -> str:
        """Changes when the file is replaced or written to."""
        return f"{self.name}:{self.inode}:{self.size}:{self.modified}"


def inspect(root: Path, folder: PurePosixPath) -> list[Planned]:
    """The regular files directly in `root/folder`, by name. Raises `Refused` for anything there that is not plainly a
    file.

    `Failed` when the folder cannot be opened, also because a part of the way is a link or lies on another file system.
    """
    with _opened(root, folder) as handle:
        return _plain_files(handle, folder)


def remove(root: Path, folder: PurePosixPath, files: Sequence[Planned], kept: Sequence[Planned] = ()) -> int:
    """Remove these files of one folder, then the folder if it is empty. Returns the bytes that are freed by it.

    `kept` are the files there that stay. The folder is opened once. Raises `Refused`, before anything is touched, when
    a file is not the one that was planned any more or another one has appeared, and before a file that changed
    meanwhile; `Failed` when the system will not remove one, naming it.
    """
    freed = 0
    with _opened(root, folder) as handle:
        if {file.identity for file in _plain_files(handle, folder)} != {file.identity for file in (*files, *kept)}:
            raise Refused(f"{folder} has changed since it was planned", hint="Plan again")
        for file in files:
            try:
                if _planned(handle, file.name).identity != file.identity:
                    raise Refused(f"{file.name} has changed since it was planned", hint="Plan again")
                os.unlink(file.name.name, dir_fd=handle)
            except OSError as error:
                raise Failed(f"{file.name} cannot be removed: {error.strerror}", hint="Look who owns it") from error
            freed += file.frees
        os.fsync(handle)
        if not kept:
            _remove_empty(root, folder, os.fstat(handle))
    return freed


def _remove_empty(root: Path, folder: PurePosixPath, status: os.stat_result) -> None:
    with contextlib.suppress(OSError), _opened(root, folder.parent) as parent:
        if os.path.samestat(os.stat(folder.name, dir_fd=parent, follow_symlinks=False), status):
            os.rmdir(folder.name, dir_fd=parent)
            os.fsync(parent)


def _plain_files(handle: int, folder: PurePosixPath) -> list[Planned]:
    return [_planned(handle, folder / entry) for entry in sorted(os.listdir(handle))]


def _planned(handle: int, name: PurePosixPath) -> Planned:
    status = os.stat(name.name, dir_fd=handle, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "a folder" if stat.S_ISDIR(status.st_mode) else "no file"
        raise Refused(f"{name} is {kind}, so this is no plain backup set", hint="Look at it manually")
    return Planned(name, status.st_dev, status.st_ino, status.st_size, status.st_nlink, status.st_mtime_ns)


@contextlib.contextmanager
def _opened(root: Path, folder: PurePosixPath) -> Iterator[int]:
    """The folder, open; every part below the root without following links and on the root's own file system."""
    if folder.is_absolute() or ".." in folder.parts:
        raise Refused(f"{folder} leads outside {root}", hint="Name a set by its own name")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        handle = os.open(root, flags)  # the root itself may be a link: the runbook names it
    except OSError as error:
        raise Failed(f"{root} cannot be opened: {error.strerror}", hint="Is it mounted?") from error
    try:
        device = os.fstat(handle).st_dev
        for part in folder.parts:
            try:
                inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=handle)
            except OSError as error:
                reason = "it is a link or no folder" if error.errno in (errno.ENOTDIR, errno.ELOOP) else error.strerror
                raise Failed(f"{root / folder} cannot be opened: {reason}", hint="Links are never followed") from error
            os.close(handle)
            handle = inner
            if os.fstat(handle).st_dev != device:
                raise Refused(
                    f"{root / folder} is another file system", hint="Only the file system of the root is cleaned"
                )
        yield handle
    finally:
        os.close(handle)
