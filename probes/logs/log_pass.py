"""All lines of a log and its rotations since a moment, in one pass and flat memory."""

from __future__ import annotations

import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

from midwatch.system.errors import Failed, in_words
from midwatch.system.log_rotations import rotations_of
from midwatch.system.mounts import require_answer
from probes.logs.log_tail import unpacked_content
from probes.logs.rotated_log import Coverage

_CHUNK_BYTES = 1 << 20
_LONGEST_BYTES = 1 << 16
"""Bytes of a line that are kept."""


def files_since(path: Path, since: float) -> list[Path]:
    """The log and its rotations that were written to after `since` (seconds since 1970), the oldest first."""
    require_answer(path)
    kept = []
    for rotated in reversed(rotations_of(path)):
        try:
            if rotated.lstat().st_mtime >= since:
                kept.append(rotated)
        except OSError:
            continue
    return [*kept, path] if path.exists() or not kept else kept


def whole_lines(path: Path, coverage: Coverage, *, follow: bool = True) -> Iterator[bytes]:
    """Each line of one file, also of a compressed one, without its end. What keeps it from being read is noted.

    Without `follow`, a link is not followed.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
        with os.fdopen(handle, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Failed("it is not a file")
            content = unpacked_content(file, os.pread(handle, 6, 0)) or file
            held = b""
            while chunk := content.read(_CHUNK_BYTES):
                *lines, held = (held + chunk).split(b"\n")
                held = held[:_LONGEST_BYTES]
                coverage.lines += len(lines)
                yield from lines
            if held:
                coverage.lines += 1
                yield held
    except (OSError, EOFError, zlib.error, lzma.LZMAError, Failed) as error:
        coverage.passed_over.append(f"{path.name}: {in_words(error)}")
        return
    coverage.files.append(path.name)
