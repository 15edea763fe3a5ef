"""Creates and opens files in an incident's folder, where other users may be allowed to create files as well.

A folder of mode 2750 is read by its group, one of 2770 is written by it as well, and others never get anything. An
incident's own folder is as open as the folder `incidents` that it is made in (docs/two-people.md), whatever the umask
is.

Every file is opened in the descriptor of its folder. Links that somebody else could have made are never followed, pipes
and devices are never opened, and only a file that this very call made gets a mode (docs/security.md).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import atomic_write, open_folder

_PRIVATE = 0o700
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TRIES = 100
_READ_LIMIT_BYTES = 16 * 1024 * 1024


def new_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, as open as the one that it is made in. Raises `OSError`."""
    if not path.parent.is_dir():
        with contextlib.suppress(FileExistsError):
            new_folder(path.parent)
    with held_folder(path.parent) as parent:
        os.mkdir(path.name, _PRIVATE, dir_fd=parent)
        if rights := _group_rights(parent):
            descriptor = os.open(path.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                if os.fstat(descriptor).st_uid != os.geteuid() or os.listdir(descriptor):  # noqa: PTH208
                    raise OSError(errno.EEXIST, "another user put a folder in its place", str(path))
                os.fchmod(descriptor, _PRIVATE | stat.S_ISGID | rights)
            finally:
                os.close(descriptor)


def open_file(path: Path, flags: int) -> int:
    """Open a regular file; a file that this makes is as open as its folder.

    Raises `OSError`, also where a link, a pipe, a device or (for writing) a file with a second name has the name.
    """
    with held_folder(path.parent) as folder:
        for _ in range(_TRIES):
            if flags & os.O_CREAT:
                try:
                    return _made(path.name, flags, folder)
                except FileExistsError:
                    if flags & os.O_EXCL:
                        raise
            try:
                return _opened(path, flags, folder)
            except FileNotFoundError:
                if not flags & os.O_CREAT:
                    raise
    raise OSError(errno.EAGAIN, "it is made and removed again and again", str(path))


def read_file(path: Path, *, limit_bytes: int = _READ_LIMIT_BYTES) -> bytes:
    """The content of a regular file. Raises `OSError`, also when it is longer than `limit_bytes`."""
    with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {limit_bytes:,} bytes", str(path))
    return content


def replace_file(path: Path, content: bytes, *, follow_links: bool = False) -> None:
    """Write a file whole or not at all, as open as its folder, and on disk when this returns. Raises `OSError`.

    `follow_links`: links of other users may lead to the folder, which the operator named.
    """
    with held_folder(path.parent, follow_links=follow_links) as folder:
        mode = 0o600 | _file_rights(folder)
    with _as_os_error(path):
        atomic_write(path, content, mode=mode, trust=None if follow_links else _own_links())


def _own_links() -> Trust:
    return Trust.own().in_any_folder()


@contextlib.contextmanager
def held_folder(path: Path, *, follow_links: bool = False) -> Iterator[int]:
    """The descriptor of a folder of anybody's, reached through no link that another user could have made. Raises
    `OSError`."""
    with _as_os_error(path):
        descriptor = open_folder(path, None if follow_links else _own_links())
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _as_os_error(path: Path) -> Iterator[None]:
    """Callers know what a file that cannot be opened means for them, and say so."""
    try:
        yield
    except UntrustedFile as error:
        raise OSError(errno.EPERM, error.sentence, str(path)) from error


def _made(name: str, flags: int, folder: int) -> int:
    descriptor = os.open(name, (flags & ~os.O_TRUNC) | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600, dir_fd=folder)
    if rights := _file_rights(folder):
        os.fchmod(descriptor, 0o600 | rights)
    return descriptor


def _opened(path: Path, flags: int, folder: int) -> int:
    try:
        descriptor = os.open(path.name, (flags & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)) | _SAFELY, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # ENXIO: a pipe that nobody reads
            raise OSError(error.errno, "it is not a regular file", str(path)) from None
        error.filename = str(path)
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if flags & (os.O_WRONLY | os.O_RDWR) and status.st_nlink > 1:
            raise OSError(errno.EMLINK, "it has a second name (a hard link)", str(path))
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _group_rights(folder: int) -> int:
    """Return the permissions of the group; none unless the setgid bit marks the folder as shared."""
    mode = os.fstat(folder).st_mode
    return mode & stat.S_IRWXG if mode & stat.S_ISGID else 0


def _file_rights(folder: int) -> int:
    return _group_rights(folder) & (stat.S_IRGRP | stat.S_IWGRP)
