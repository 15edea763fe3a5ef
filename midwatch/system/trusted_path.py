"""Walks along a path one name at a time, so that no link and no folder of another user leads elsewhere."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from midwatch.system.trust import OTHERS_WRITE, Trust, UntrustedFile, require_owner, require_trusted_folder

LINKS_AT_MOST = 40
"""As many links as Linux follows in one path (path_resolution(7))."""


def walk(path: Path, trust: Trust, *, follow_last: bool) -> tuple[int, str]:
    """A descriptor of the folder that the path leads to, and the last name in it, every step checked against
    `trust`."""
    pending = list(reversed((Path.cwd() / path).parts[1:])) or ["."]
    followed = 0
    with _closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as held:
        while True:
            name = pending.pop()
            status = os.fstat(held.descriptor)
            require_trusted_folder(status, path, trust)
            if not pending and not follow_last:
                return held.release(), name
            try:
                entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held.descriptor)
            except FileNotFoundError:
                if not pending:  # the caller says so, with its own flags
                    return held.release(), name
                raise
            found = os.fstat(entry)
            if stat.S_ISLNK(found.st_mode):
                target = os.readlink("", dir_fd=entry)
                os.close(entry)
                require_owner(found, path, trust, "a link on the way")
                if trust.any_folder:
                    require_trusted_folder(status, path, replace(trust, any_folder=False))
                followed += 1
                if followed > LINKS_AT_MOST:
                    raise UntrustedFile(f"{path} leads through more than {LINKS_AT_MOST} links")
                if target.startswith("/"):
                    held.replace(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                pending += [part for part in reversed(target.split("/")) if part not in ("", ".")] or ["."]
                continue
            if not pending:
                os.close(entry)
                return held.release(), name
            if not stat.S_ISDIR(found.st_mode):
                os.close(entry)
                raise NotADirectoryError(20, os.strerror(20), str(path))
            held.replace(entry)
            if status.st_mode & OTHERS_WRITE and status.st_mode & stat.S_ISVTX and not trust.any_folder:
                require_owner(found, path, trust, "a folder on the way")


class _Held:
    """One descriptor at a time, closed unless it is released."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def replace(self, descriptor: int) -> None:
        os.close(self.descriptor)
        self.descriptor = descriptor

    def release(self) -> int:
        descriptor, self.descriptor = self.descriptor, -1
        return descriptor


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[_Held]:
    held = _Held(descriptor)
    try:
        yield held
    finally:
        if held.descriptor >= 0:
            os.close(held.descriptor)
