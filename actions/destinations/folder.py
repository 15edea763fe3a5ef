"""Destination: a folder of this machine, usually on another mount."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from actions.destinations.destination import Room
from actions.support.folder_identity import folder_identity
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.trusted_files import create_exclusive, open_regular_file
from midwatch.system.units import percent, size
from probes.backup.backup_catalog import PARTIAL
from probes.storage.disk_usage import Budget, usage

CRITICAL = 95.0
"""Percent of the destination's disk beyond which nothing is written to it."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, made when the first backup comes. Readable by its owner alone."""

    path: Path
    budgets: Sequence[Budget] = ()
    shown: str = ""
    """How the plan writes it, when that is shorter than the path."""
    has_local_manifest: bool = True

    def __str__(self) -> str:
        return self.shown or str(self.path)

    def location(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return str(self.path / name)

    def identity(self) -> str:
        """Return the device and inode of the folder."""
        return folder_identity(self.path)

    def room(self, expected: int) -> Room:
        """Compare the free space with the expected size in bytes."""
        found = usage(self.path, self.budgets, nearest=True)
        after = found.after(expected)
        missing = found.path != self.path
        where = f"{self.path}: " if missing else ""  # named as it was given, too
        new = f", a new folder in {found.path}" if missing else ""
        words = f"{size(found.free)} free on the disk of {self}{new}: {percent(found.percent)} → {percent(after)}"
        if not found.path.is_dir():
            return Room(words, f"{where}{found.path} is a file, not a folder")
        if found.read_only:
            return Room(words, f"{self.path} is read-only")
        if not os.access(found.path, os.W_OK | os.X_OK, effective_ids=True):
            return Room(words, f"{where}{found.path} takes no file from you: Permission denied")
        if found.inodes_percent is not None and found.inodes_percent >= 100.0:
            return Room(words, f"{self.path} has no inode left for another file, whatever space is free")
        if after > CRITICAL or expected > found.free:
            return Room(words, f"{self.path} would be {percent(after)} full with about {size(expected)} more")
        return Room(words)

    def open(self, name: str) -> FolderWriter:
        """Create a new file and return its writer."""
        try:
            make_missing_folders(self.path, mode=0o700)
        except OSError as error:
            hint = "Choose another destination for the backup"
            raise Failed(f"{self.path} cannot be made: {error.strerror}", hint=hint) from error
        return FolderWriter(self.path / name)

    @contextlib.contextmanager
    def read(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading."""
        try:
            with open_regular_file(self.path / name) as file:
                yield file
        except OSError as error:
            raise Failed(f"{self.path / name} cannot be read: {error.strerror}", hint="Look at its disk") from error

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None when it does not exist."""
        try:
            return (self.path / name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failed(f"{self.path / name} cannot be read: {error.strerror}", hint="Look at its disk") from error


class FolderWriter:
    """A file under a partial name, mode 0600, which gets its name by a link once it is on disk."""

    def __init__(self, path: Path) -> None:
        self._path, self._partial, self._count = path, path.with_name(f".{path.name}{PARTIAL}"), 0
        try:
            self._descriptor = create_exclusive(self._partial, mode=0o600, trust=None)
        except OSError as error:
            raise _unmakable(self._partial, error) from error

    def write(self, data: bytes) -> None:
        """Append the data to the file."""
        view = memoryview(data)
        while view:
            try:
                written = os.write(self._descriptor, view)
            except OSError as error:
                raise _full(error, self._count) from error
            self._count += written
            view = view[written:]

    def commit(self, size: int, sha256: str) -> None:
        """Flush the file to disk and give it its final name."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _full(error, self._count) from error
        try:
            os.link(self._partial, self._path)  # unlike a rename it never takes the place of a file that is there
        except FileExistsError as error:
            hint = "Two backups began in the same second; run it again"
            raise Failed(f"{self._path.name} is there already", hint=hint) from error
        except OSError as error:
            raise _full(error, self._count) from error
        self.abort()

    def abort(self) -> None:
        """Remove the unfinished file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        with contextlib.suppress(OSError):
            self._partial.unlink(missing_ok=True)


def _unmakable(path: Path, error: OSError) -> Failed:
    why = error.strerror or str(error)
    if error.errno == errno.EEXIST:
        return Failed(f"{path} is there already", hint="Another backup began in the same second; run it again")
    if error.errno == errno.ENOSPC:
        with contextlib.suppress(OSError):
            found = os.statvfs(path.parent)
            why = "no inode is left, whatever space is free" if found.f_files and not found.f_favail else why
    return Failed(f"{path} cannot be made: {why}", hint="Choose another destination for the backup")


def _full(error: OSError, written: int) -> MidwatchError:
    if error.errno == errno.EDQUOT:
        return Failed(f"The quota is used up after {size(written)}", hint="Choose another destination for the backup")
    if error.errno == errno.ENOSPC:
        return Failed(f"The disk is full after {size(written)}", hint="Choose another destination for the backup")
    return Failed(
        f"The backup cannot be written: {error.strerror}, after {size(written)}",
        hint="Look at the disk, or choose another",
    )
