"""Locks on whole files. The kernel releases a lock when the process ends, however the process ends.

Locks of the kind `F_OFD_SETLK`: they belong to the open file (unlike POSIX locks, which any `close` in the process
gives back), and only who may write the file can hold one (unlike `flock`), so that an observer cannot stand in a
driver's way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from midwatch.system.errors import MidwatchError
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import open_lock

_LOOK_S = 0.02


@contextlib.contextmanager
def locked_file(path: Path, trust: Trust | None, *, otherwise: MidwatchError | None = None) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made when it is missing.

    While another holds the lock, raises `otherwise`, or waits when there is none. Raises `UntrustedFile` and `OSError`.
    """
    descriptor = open_lock(path, trust)
    try:
        if otherwise is None:
            lock(descriptor)
        elif not try_lock(descriptor):
            raise otherwise
        yield
    finally:
        release(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock; False when another open file holds it. Raises `OSError` where files cannot be locked."""
    try:
        _set(descriptor, fcntl.F_OFD_SETLK, fcntl.F_WRLCK)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def await_lock(descriptor: int, limit_s: float) -> bool:
    """Take the lock, waiting for it so long; False when another open file holds it still. Raises `OSError`."""
    deadline = time.monotonic() + limit_s
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
    return True


def lock(descriptor: int) -> None:
    """Take the lock, waiting for it. Raises `OSError`."""
    _set(descriptor, fcntl.F_OFD_SETLKW, fcntl.F_WRLCK)


def unlock(descriptor: int) -> None:
    """Give the lock back. Raises `OSError`."""
    _set(descriptor, fcntl.F_OFD_SETLKW, fcntl.F_UNLCK)


def release(descriptor: int) -> None:
    """Give the lock back and close the file.

    Closing alone is not enough: a child process that another thread is just starting has the open file as well, until
    its program begins.
    """
    try:
        with contextlib.suppress(OSError):
            unlock(descriptor)
    finally:
        os.close(descriptor)


def _set(descriptor: int, command: int, kind: int) -> None:
    fcntl.fcntl(descriptor, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0))
