"""Disks that take nothing more."""

from __future__ import annotations

import itertools
from pathlib import Path


def fill(disk: Path) -> Path:
    """Write until the disk takes not one byte more; the file that fills it, which goes on where it was."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filler


def fill_inodes(disk: Path) -> Path:
    """Make files until the disk takes not one more; the folder that they are in."""
    folder = disk / "filler"
    folder.mkdir()
    try:
        for number in itertools.count():
            (folder / str(number)).touch()
    except OSError:
        return folder
    raise AssertionError
