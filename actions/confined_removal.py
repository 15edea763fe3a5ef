"""Removes named files below a root, and nothing else: no link is followed, no other file system entered.

`rm -rf` with a slash behind a link empties what the link points to. Here every folder on the way is opened without following
links, and a file goes only if it is still the one that was planned.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from midwatch.errors import Failed, Refused


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


def look(root: Path, folder: PurePosixPath) -> list[Planned]:
    """The regular files directly in `root/folder`, by name. Raises `Refused` for anything there that is not plainly a file.

    `Failed` when the folder cannot be opened, also because a part of the way is a link or lies on another file system.
    """
    found = []
    with _opened(root, folder) as handle:
        for entry in sorted(os.listdir(handle)):  # noqa: PTH208  # pathlib cannot list an open folder
            status = os.stat(entry, dir_fd=handle, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                kind = "a link" if stat.S_ISLNK(status.st_mode) else "a folder" if stat.S_ISDIR(status.st_mode) else "no file"
                raise Refused(f"{folder / entry} is {kind}, so this is no plain backup set", hint="Look at it by hand")
            name = folder / entry
            planned = (status.st_dev, status.st_ino, status.st_size, status.st_nlink, status.st_mtime_ns)
            found.append(Planned(name, *planned))
    return found


def remove(root: Path, folder: PurePosixPath, files: list[Planned]) -> int:
    """Remove these files of one folder, then the folder if it is empty. Returns the bytes that are freed by it.

    Raises `Refused`, before anything is touched, when a file is not the one that was planned any more or another one
    has appeared; `Failed` when the system will not remove one, naming it.
    """
    now = look(root, folder)
    changed = {file.identity for file in now} ^ {file.identity for file in files}
    if changed:
        raise Refused(f"{folder} has changed since it was planned", hint="Plan again")
    freed = 0
    with _opened(root, folder) as handle:
        for file in files:
            try:
                os.unlink(file.name.name, dir_fd=handle)
            except OSError as error:
                raise Failed(f"{file.name} cannot be removed: {error.strerror}", hint="Look who owns it") from error
            freed += file.frees
        os.fsync(handle)
    with _opened(root, folder.parent) as parent, contextlib.suppress(OSError):
        os.rmdir(folder.name, dir_fd=parent)
        os.fsync(parent)
    return freed


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
                raise Refused(f"{root / folder} is another file system", hint="Only the file system of the root is cleaned")
        yield handle
    finally:
        os.close(handle)
