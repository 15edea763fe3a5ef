"""What fills a folder: the largest folders and files below it, within a limit of time."""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Biggest:
    """The largest folders (with all that is in them) and files. Bytes on disk; names are foreign text."""

    folders: tuple[tuple[Path, int], ...]
    files: tuple[tuple[Path, int], ...]
    total: int
    complete: bool
    """False when time ran out or a folder could not be read: the figures are then lower bounds."""


def biggest(folder: Path, *, count: int = 8, depth: int = 2, limit: float = 10.0) -> Biggest:
    """Look at everything below `folder` on its own file system, without following links, for at most `limit` seconds.

    Folders are told apart down to `depth` levels; a hard-linked file counts once.
    """
    deadline = time.monotonic() + limit
    folders: Counter[Path] = Counter()
    files: list[tuple[Path, int]] = []
    seen: set[int] = set()
    total, complete = 0, True
    try:
        device = folder.stat().st_dev
    except OSError:
        return Biggest((), (), 0, False)
    waiting: list[tuple[Path, tuple[Path, ...]]] = [(folder, ())]
    while waiting:
        if time.monotonic() > deadline:
            complete = False
            break
        here, counted = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = [(entry, entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError:
            complete = False
            continue
        for entry, status in found:
            path = Path(entry.path)
            if status.st_dev != device:
                continue
            if stat.S_ISDIR(status.st_mode):
                waiting.append((path, (*counted, path) if len(counted) < depth else counted))
            elif stat.S_ISREG(status.st_mode):
                if status.st_nlink > 1:
                    if status.st_ino in seen:
                        continue
                    seen.add(status.st_ino)
                size = status.st_blocks * 512
                total += size
                for parent in counted:
                    folders[parent] += size
                files.append((path, size))
                if len(files) > 4096:
                    files = _largest(files, count)
    return Biggest(tuple(folders.most_common(count)), tuple(_largest(files, count)), total, complete)


def _largest(files: list[tuple[Path, int]], count: int) -> list[tuple[Path, int]]:
    return sorted(files, key=lambda item: item[1], reverse=True)[:count]
