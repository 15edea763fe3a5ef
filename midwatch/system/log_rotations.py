"""The rotations of a log: regular files beside it whose names say so."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_PACKED = r"(?:\.(?:gz|bz2|xz|lzma|zst|lz4|zip|Z))?"
PACKED_NAME = re.compile(r"\.(?:gz|bz2|xz|lzma|zst|lz4|zip|Z)$")
"""The end of the name of a compressed rotation."""
_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")
_WEEKDAY = re.compile(r"(?<![A-Za-z])(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?![a-z])")


def rotations_of(path: Path) -> list[Path]:
    """Regular files beside `path` that are its rotations by their names, the newest first. Links are none."""
    name, suffix = re.escape(path.name), re.escape(path.suffix)
    patterns = [
        rf"{name}(?:[._-]\d[\d_.T:-]*|\.old){_PACKED}",
        rf"{re.escape(path.stem)}[._-]{_DATE.pattern}[\d_T:-]*{suffix}{_PACKED}",
    ]
    if suffix:
        patterns.append(rf"{re.escape(path.stem)}\.\d{{1,4}}{suffix}{_PACKED}")
    if _DATE.search(path.name):  # one that its server names anew each day
        patterns.append(re.sub(r"\d+", r"\\d+", name) + _PACKED)
    if _WEEKDAY.search(path.name):
        patterns.append(_WEEKDAY.sub("[A-Z][a-z]{2}", name) + _PACKED)
    is_rotation = re.compile("|".join(f"(?:{pattern})" for pattern in patterns)).fullmatch
    found = []
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # it has another name by now
                if entry.name != path.name and is_rotation(entry.name) and entry.is_file(follow_symlinks=False):
                    found.append((entry.stat(follow_symlinks=False).st_mtime, Path(entry.path)))
    return [path for _, path in sorted(found, reverse=True)]
