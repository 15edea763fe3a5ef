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
class LargestEntries:
    """The largest folders (with all that is in them) and files. Bytes on disk; names are foreign text."""

    folders: tuple[tuple[Path, int], ...] = ()
    files: tuple[tuple[Path, int], ...] = ()
    total: int = 0
    complete: bool = False
    """False when time ran out or a folder could not be read: the figures are then lower bounds."""
    skipped: tuple[str, ...] = ()
    """Mounts below it on the network or of a daemon, which were not looked at."""
    stuck: str = ""
    """The folder that did not answer; empty when all did."""


def largest_entries(folder: Path, *, count: int = 8, depth: int = 2, limit: float = 10.0) -> LargestEntries:
    """Look at everything below `folder` on its own file system, without following links, for at most `limit` seconds.

    Folders are told apart down to `depth` levels; a hard-linked file counts once. The search runs in a process of its own
    that reports as it goes: when a file system does not answer, that process is left behind, and what it found is shown.
    """
    argv = [
        sys.executable,
        "-I",
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
    return _from_report(last) if last else LargestEntries()


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


def _from_report(data: dict[str, Any]) -> LargestEntries:
    folders, files = (tuple((Path(path), size) for path, size in data[name]) for name in ("folders", "files"))
    ended = data["ended"]
    stuck = "" if ended else data["here"]
    return LargestEntries(folders, files, data["total"], ended and data["complete"], tuple(data["skipped"]), stuck)


@dataclass(slots=True)
class _Search:
    """What was found so far."""

    folder: Path
    count: int
    depth: int
    folders: Counter[Path] = field(default_factory=Counter)
    files: list[tuple[Path, int]] = field(default_factory=list)
    total: int = 0
    complete: bool = True
    here: str = ""
    """The folder that is looked at now."""

    def run(self, deadline: float) -> None:
        """Go through it until the deadline."""
        self.here = str(self.folder)
        mounted = frozenset(str(point) for point in read_mounts())
        seen: set[int] = set()
        try:
            device = self.folder.stat().st_dev
        except OSError:
            self.complete = False
            return
        waiting: list[tuple[Path, tuple[Path, ...]]] = [(self.folder, ())]
        while waiting:
            if time.monotonic() > deadline:
                self.complete = False
                return
            here, counted = waiting.pop()
            self.here = str(here)
            try:
                with os.scandir(here) as entries:
                    found = [(one, one.stat(follow_symlinks=False)) for one in entries if one.path not in mounted]
            except OSError:
                self.complete = False
                continue
            for entry, status in found:
                path = Path(entry.path)
                if status.st_dev != device:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((path, (*counted, path) if len(counted) < self.depth else counted))
                elif stat.S_ISREG(status.st_mode):
                    if status.st_nlink > 1:
                        if status.st_ino in seen:
                            continue
                        seen.add(status.st_ino)
                    self._add(path, status.st_blocks * 512, counted)

    def _add(self, path: Path, size: int, counted: tuple[Path, ...]) -> None:
        self.total += size
        for parent in counted:
            self.folders[parent] += size
        self.files.append((path, size))
        if len(self.files) > 4096:
            self.files = _largest(self.files, self.count)


def _largest(files: list[tuple[Path, int]], count: int) -> list[tuple[Path, int]]:
    return sorted(files, key=lambda item: item[1], reverse=True)[:count]


def _main(folder: str, count: str, depth: str, limit: str) -> None:
    """The searching process: a line of JSON now and then, also while the search hangs, and one at the end."""
    search = _Search(Path(folder), int(count), int(depth))
    skipped = [str(mount) for mount in foreign_below(search.folder)]
    over = threading.Event()

    def report(*, ended: bool = False) -> None:
        data = {
            "folders": [(str(path), size) for path, size in search.folders.copy().most_common(search.count)],
            "files": [(str(path), size) for path, size in _largest(search.files[:], search.count)],
            "total": search.total,
            "complete": search.complete,
            "skipped": skipped,
            "here": search.here,
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
