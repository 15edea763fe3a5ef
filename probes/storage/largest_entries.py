"""The largest folders and files below a folder, found within a time limit."""

from __future__ import annotations

import json
import os
import selectors
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midwatch.system.mounts import foreign_below, read_mounts

_REPORT_S = 0.25
"""Seconds between two reports of the searching process."""
_GRACE_S = 2.0
"""Seconds beyond the limit in which the searching process starts and says its last."""


@dataclass(frozen=True, slots=True)
class FolderSize:
    """A folder with all that is in it. Its path is foreign text."""

    path: Path
    size: int
    """Bytes on disk."""
    entries: int
    """Files, folders and links: each takes an inode."""


@dataclass(frozen=True, slots=True)
class LargestEntries:
    """The largest folders and files below a folder. Bytes on disk; names are foreign text."""

    folders: tuple[FolderSize, ...] = ()
    """Those with the most bytes."""
    crowded: tuple[FolderSize, ...] = ()
    """Those with the most entries."""
    files: tuple[tuple[Path, int], ...] = ()
    total: int = 0
    entries: int = 0
    complete: bool = False
    """False when time ran out or a folder could not be read: the figures are then lower bounds."""
    unreadable: int = 0
    """Folders that could not be read."""
    skipped: tuple[str, ...] = ()
    """Mounts below it on the network or of a daemon, which were not looked at."""
    stuck: str = ""
    """The folder that did not answer; empty when all did."""
    real_folder: Path = Path("/")
    """The folder that was searched, with all links followed."""


def largest_entries(folder: Path, *, count: int = 8, depth: int = 2, limit: float = 10.0) -> LargestEntries:
    """Look at everything below `folder` on its own file system, without following links, for at most `limit` seconds.

    Folders are told apart down to `depth` levels; a hard-linked file counts once, and so does a folder that is mounted
    in several places. The search runs in a process of its own that reports as it goes: when a file system does not
    answer, that process is left behind, and what it found is shown.
    """
    argv = [
        sys.executable,
        "-I",
        "-Xutf8",
        "-m",
        "probes.storage.largest_entries",
        str(Path.cwd() / folder),
        str(count),
        str(depth),
        str(limit),
    ]
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except OSError:
        return LargestEntries()
    assert process.stdout is not None
    last = _last_report(process.stdout.fileno(), time.monotonic() + limit + _GRACE_S)
    process.kill()  # it has said its last, or hangs: then it goes when what it waits for does
    process.stdout.close()
    return _from_report(last, folder) if last else LargestEntries()


def _last_report(source: int, deadline: float) -> dict[str, Any]:
    held, last = b"", b""
    with selectors.DefaultSelector() as ready:
        ready.register(source, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and ready.select(left):
            chunk = os.read(source, 1 << 16)
            if not chunk:
                break
            *whole, held = (held + chunk).split(b"\n")
            last = whole[-1] if whole else last
    found: dict[str, Any] = json.loads(last) if last else {}
    return found


def _from_report(data: dict[str, Any], folder: Path) -> LargestEntries:
    folders, crowded = (
        tuple(FolderSize(folder / path, size, entries) for path, size, entries in data[name])
        for name in ("folders", "crowded")
    )
    return LargestEntries(
        folders,
        crowded,
        tuple((folder / path, size) for path, size in data["files"]),
        data["total"],
        data["entries"],
        data["ended"] and data["complete"],
        data["unreadable"],
        tuple(data["skipped"]),
        "" if data["ended"] else str(folder / data["here"]),
        Path(data["folder"]),
    )


@dataclass(slots=True)
class _Search:
    """What was found so far. Paths are relative to the folder, and text: there may be millions."""

    folder: str
    count: int
    depth: int
    sizes: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    files: list[tuple[str, int]] = field(default_factory=list)
    total: int = 0
    inodes: int = 0
    complete: bool = True
    unreadable: int = 0
    skipped: list[str] = field(default_factory=list)
    here: str = ""
    """The folder that is looked at now."""

    def run(self, deadline: float) -> None:
        """Go through it until the deadline."""
        seen: set[tuple[int, int]] = set()
        try:
            self.folder = os.path.realpath(self.folder, strict=True)  # mount points are compared by their real paths
            device = Path(self.folder).stat().st_dev
        except OSError:
            self.complete = False
            return
        mounts = read_mounts()
        mounted = frozenset(map(str, mounts))
        self.skipped = [str(mount) for mount in foreign_below(Path(self.folder), mounts)]
        waiting: list[tuple[str, tuple[str, ...]]] = [("", ())]
        while waiting:
            if time.monotonic() > deadline:
                self.complete = False
                return
            self.here, counted = waiting.pop()
            try:
                with os.scandir(Path(self.folder, self.here)) as entries:
                    found = [one for one in entries if one.path not in mounted]
            except OSError:
                self.complete = False
                self.unreadable += 1
                continue
            for entry in found:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # removed meanwhile
                    continue
                except OSError:
                    self.complete = False
                    continue
                # a file with another device lies in a lower layer of an overlay: mounted ones are left out above
                if status.st_dev != device and stat.S_ISDIR(status.st_mode):
                    continue
                path = f"{self.here}/{entry.name}" if self.here else entry.name
                if stat.S_ISDIR(status.st_mode):
                    within = (*counted, path) if len(counted) < self.depth else counted
                    waiting.append((path, within))
                    self._add(status, within)
                    continue
                if status.st_nlink > 1:
                    if (status.st_dev, status.st_ino) in seen:
                        continue
                    seen.add((status.st_dev, status.st_ino))
                self._add(status, counted)
                if stat.S_ISREG(status.st_mode):
                    self._add_file(path, status.st_blocks * 512)

    def _add(self, status: os.stat_result, counted: tuple[str, ...]) -> None:
        self.total += status.st_blocks * 512
        self.inodes += 1
        for parent in counted:
            self.sizes[parent] += status.st_blocks * 512
            self.entries[parent] += 1

    def _add_file(self, path: str, size: int) -> None:
        self.files.append((path, size))
        if len(self.files) > 4096:
            self.files = _largest(self.files, self.count)

    def first_by(self, figures: Counter[str]) -> list[tuple[str, int, int]]:
        """The folders with the highest figures: path, bytes, entries."""
        return [(path, self.sizes[path], self.entries[path]) for path, _ in figures.copy().most_common(self.count)]


def _largest(files: list[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    return sorted(files, key=lambda item: item[1], reverse=True)[:count]


def _main(folder: str, count: str, depth: str, limit: str) -> None:
    """The searching process: a line of JSON now and then, also while the search hangs, and one at the end."""
    search = _Search(folder, int(count), int(depth))
    over = threading.Event()

    def report(*, ended: bool = False) -> None:
        data = {
            "folders": search.first_by(search.sizes),
            "crowded": search.first_by(search.entries),
            "files": _largest(search.files[:], search.count),
            "total": search.total,
            "entries": search.inodes,
            "unreadable": search.unreadable,
            "complete": search.complete,
            "skipped": search.skipped,
            "here": search.here,
            "folder": search.folder,
            "ended": ended,
        }
        sys.stdout.write(json.dumps(data) + "\n")
        sys.stdout.flush()

    def keep_reporting() -> None:
        while not over.wait(_REPORT_S):
            report()

    reporting = threading.Thread(target=keep_reporting, daemon=True)
    reporting.start()
    search.run(time.monotonic() + float(limit))
    over.set()
    reporting.join()
    report(ended=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
