"""Reads and writes files in folders where another user of the machine could have placed a file.

Instructions (records, orders, plans, runbooks, settings, secrets) are read with `read_trusted`: every folder on the way
is checked, no link that somebody else could have made is followed, nothing is waited for, and the checks are made on
the descriptor that is then read. A file that the operator named is read with `read_regular`, whoever owns it: only
pipes and devices are refused. Files are written under an unguessable name in the descriptor of their folder, with an
explicit mode, and then renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import IO

from midwatch.system.errors import Failed
from midwatch.system.trust import Trust, UntrustedFile, require_owner, require_trusted_file, require_trusted_folder
from midwatch.system.trusted_path import LINKS_AT_MOST, walk

_NEVER_WAIT = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_trusted(path: Path, trust: Trust, *, limit_bytes: int) -> bytes:
    """The content of a file that nobody outside `trust` could have made or can change.

    Raises `UntrustedFile`, `Failed` when the file is longer than `limit_bytes`, `OSError` when it is missing or
    unreadable.
    """
    descriptor = open_trusted(path, trust)
    try:
        return _read_limited(descriptor, path, limit_bytes)
    finally:
        os.close(descriptor)


def open_trusted(path: Path, trust: Trust) -> int:
    """A descriptor for reading such a file. Raises `UntrustedFile` and `OSError`; a pipe or device is untrusted as
    well."""
    folder, name = walk(path, trust, follow_last=True)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | _NEVER_WAIT, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        require_trusted_file(os.fstat(descriptor), path, trust)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: Path, *, limit_bytes: int) -> bytes:
    """The content of a file that the operator named, whoever owns it. Links are followed; pipes and devices are
    refused.

    Raises `Failed` when it is no regular file or longer than `limit_bytes`, and `OSError`.
    """
    descriptor = open_regular(path)
    try:
        return _read_limited(descriptor, path, limit_bytes)
    finally:
        os.close(descriptor)


def open_regular(path: Path) -> int:
    """A descriptor for reading a regular file, whoever owns it; nothing is waited for. Raises `Failed` and
    `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | _NEVER_WAIT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Failed(f"{path} is not a regular file")
    return descriptor


def open_regular_file(path: Path) -> IO[bytes]:
    """`open_regular` as a file object. Raises `Failed` and `OSError`."""
    return os.fdopen(open_regular(path), "rb")


def open_log(path: Path, *, mode: int) -> int:
    """A descriptor that appends to a log, whoever owns it; a log that is missing is made with this mode whatever the
    umask is.

    A link is followed only when this user or root made it. Raises `UntrustedFile` for another link, a pipe, a device
    and a file with a second name, and `OSError`.
    """
    for _ in range(LINKS_AT_MOST):
        folder = open_folder(path.parent, None)
        try:
            return _open_log(folder, path, mode)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            require_owner(os.stat(path.name, dir_fd=folder, follow_symlinks=False), path, Trust.own(), "the link")
            path = path.parent / os.readlink(path.name, dir_fd=folder)
        finally:
            os.close(folder)
    raise UntrustedFile(f"{path} leads through more than {LINKS_AT_MOST} links")


def open_lock(path: Path, trust: Trust | None) -> int:
    """A descriptor of a file that only serves as a lock, made when it is missing, mode 0600.

    Raises `UntrustedFile` for what is no regular file, and `OSError`.
    """
    folder = open_folder(path.parent, trust)
    try:
        descriptor = os.open(path.name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | _NEVER_WAIT, 0o600, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UntrustedFile(
                f"{path} is a link, not a lock", hint="Remove it; it was not made by Midwatch"
            ) from None
        raise
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UntrustedFile(f"{path} is not a regular file", hint="Remove it; it was not made by Midwatch")
    return descriptor


def open_folder(path: Path, trust: Trust | None) -> int:
    """A descriptor of a folder whose entries nobody outside `trust` can change; without `trust`, of any folder.

    Raises `UntrustedFile` and `OSError`.
    """
    if trust is None:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    folder, name = walk(path, trust, follow_last=True)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        require_trusted_folder(os.fstat(descriptor), path, trust)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_folder(path: Path, *, mode: int, trust: Trust) -> None:
    """Make a folder with this mode whatever the umask is, or accept one of `trust` that is there; its parent has to
    exist.

    Raises `UntrustedFile` and `OSError`.
    """
    parent, name = walk(path, trust, follow_last=False)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
            _set_mode(parent, name, path, mode)
    finally:
        os.close(parent)
    os.close(open_folder(path, trust))


def make_folders(path: Path, *, mode: int, trust: Trust) -> None:
    """`make_folder` for this folder and for each one above it that is missing. Raises `UntrustedFile` and `OSError`."""
    absolute = Path.cwd() / path
    if not os.path.lexists(absolute.parent):
        make_folders(absolute.parent, mode=mode, trust=trust)
    make_folder(absolute, mode=mode, trust=trust)


def create_exclusive(path: Path, *, mode: int, trust: Trust | None) -> int:
    """A descriptor for writing a file that did not exist, with this mode whatever the umask is.

    Raises `FileExistsError` when anything has that name, `UntrustedFile` and other `OSError`.
    """
    folder = open_folder(path.parent, trust)
    try:
        return _create(folder, path.name, mode)
    finally:
        os.close(folder)


def atomic_write(path: Path, content: bytes, *, mode: int, trust: Trust | None) -> None:
    """Replace `path` by a file with this content and mode: whole or not at all, and on disk when this returns.

    What had the name before is replaced, never opened: a link or a pipe there does no harm. Raises `UntrustedFile` and
    `OSError`; the former file stays then.
    """
    folder = open_folder(path.parent, trust)
    part = f".{path.name[:200]}.{secrets.token_hex(8)}.part"
    try:
        descriptor = _create(folder, part, mode)
        try:
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise
        with contextlib.suppress(OSError):  # some network file systems refuse to sync a folder
            os.fsync(folder)
    finally:
        os.close(folder)


def remove_tree(folder: Path | str, *, dir_fd: int | None = None) -> None:
    """Remove a folder with all in it, as far as that is possible. Follows no link, and waits for no pipe that somebody
    puts in the place of a folder meanwhile."""
    with contextlib.suppress(OSError, RecursionError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        try:
            for name in os.listdir(opened):  # noqa: PTH208 - an open folder
                try:
                    os.unlink(name, dir_fd=opened)
                except IsADirectoryError:
                    remove_tree(name, dir_fd=opened)
                except OSError:
                    continue
        finally:
            os.close(opened)
        os.rmdir(folder, dir_fd=dir_fd)


def _create(folder: int, name: str, mode: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        os.fchmod(descriptor, mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _set_mode(parent: int, name: str, path: Path, mode: int) -> None:
    """Give a folder that was just made its mode; not what a member of the parent's group may have put in its place."""
    try:
        # O_PATH: the umask may have left its owner no right to read it
        descriptor = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UntrustedFile(f"{path} is not trusted: another user replaced it while it was made") from error
    try:
        require_owner(os.fstat(descriptor), path, Trust.of(os.geteuid()), "the folder")
        Path(f"/proc/self/fd/{descriptor}").chmod(mode)
    finally:
        os.close(descriptor)


def _open_log(folder: int, path: Path, mode: int) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | _NEVER_WAIT
    try:
        descriptor = os.open(path.name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        os.fchmod(descriptor, mode)
    except FileExistsError:
        try:
            descriptor = os.open(path.name, flags, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
                raise UntrustedFile(
                    f"{path} is not a regular file", hint="Remove it; it was not made by Midwatch"
                ) from None
            raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        why = (
            "is not a regular file" if not stat.S_ISREG(status.st_mode) else f"has {status.st_nlink} names (hard links)"
        )
        raise UntrustedFile(f"{path} {why}", hint="Remove it; it was not made by Midwatch")
    return descriptor


def _read_limited(descriptor: int, path: Path, limit_bytes: int) -> bytes:
    content = bytearray()
    while len(content) <= limit_bytes and (piece := os.read(descriptor, min(limit_bytes + 1 - len(content), 1 << 20))):
        content += piece
    if len(content) > limit_bytes:
        raise Failed(f"{path} is longer than {limit_bytes:,} bytes", hint="It was not read")
    return bytes(content)
