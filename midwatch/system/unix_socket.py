"""Unix sockets in folders that a group may share. Binding changes no other file; connecting uses a descriptor."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

_BACKLOG = 128


def listen_in_folder(folder: Path, name: str, *, mode: int) -> tuple[socket.socket, int]:
    """A listening socket under this name and its inode. What had the name before is replaced, never opened. Raises
    `OSError`.

    The socket is bound under an unguessable name. Its mode is set through a descriptor of the very inode, after a check
    that the inode is a socket of this user with one name, and then the socket is renamed. So a file that a member of
    the group puts in its place meanwhile is neither made writable nor followed. The socket needs no block of a full
    disk.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _folder(folder) as descriptor:
            part = f".{name}.{secrets.token_hex(8)}"
            listener.bind(f"/proc/self/fd/{descriptor}/{part}")
            try:
                inode = _set_mode(descriptor, part, mode)
                listener.listen(_BACKLOG)
                listener.setblocking(False)
                os.rename(part, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=descriptor)
                raise
    except BaseException:
        listener.close()
        raise
    return listener, inode


def unlink_in_folder(folder: Path, name: str, inode: int) -> None:
    """Remove the name, if the socket with this inode still has it. Raises `OSError`."""
    with _folder(folder) as descriptor:
        if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_ino == inode:
            os.unlink(name, dir_fd=descriptor)


def connect_in_folder(folder: Path, name: str, *, limit_s: float) -> socket.socket:
    """A connection to the socket of this name, which may stand in the queue for `limit_s` at most. Raises `OSError`."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        seconds, fraction = divmod(limit_s, 1)
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), int(fraction * 1e6))
        )
        with _folder(folder) as descriptor:
            if not stat.S_ISSOCK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                raise OSError(errno.ENOTSOCK, "it is not a socket")
            connection.connect(f"/proc/self/fd/{descriptor}/{name}")
        connection.settimeout(limit_s)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    """A descriptor of the folder: through it a name is short enough for a socket's address, however deep the folder
    lies."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _set_mode(folder: int, name: str, mode: int) -> int:
    """Set the mode of the socket that this process has just bound. Raises `OSError` when something else has its
    name."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid() or status.st_nlink != 1:
            raise OSError(errno.EEXIST, "another user put something in its place")
        Path(f"/proc/self/fd/{descriptor}").chmod(mode)
        return status.st_ino
    finally:
        os.close(descriptor)
