"""Reads the end of a log file, even if the file is huge, rotated, truncated, binary or without newlines."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.errors import Failed
from midwatch.system.mounts import require_answer

CHUNK = 1 << 16
LONGEST = 4096
"""Bytes of a line that are kept; the rest of it is skipped."""
COUNTED = 256_000_000
"""Bytes before the tail up to which line numbers are counted; beyond that they are not known."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log. Its text is foreign: clean it before showing it."""

    file: Path
    number: int | None
    """Counted from 1; None when the file before it is too large to count."""
    text: str
    """Decoded as UTF-8 with replacements, without its line end, at most 4096 bytes of it."""
    match: int = 0
    """Which of the patterns it matched, counted from 0."""

    @property
    def place(self) -> str:
        """`backup.log:12`."""
        return self.file.name if self.number is None else f"{self.file.name}:{self.number}"


def tail_lines(path: Path, limit: int) -> Iterator[LogLine]:
    """The whole lines within the last `limit` bytes, oldest first, in flat memory.

    A line that the limit cuts is left out; a last line without a newline is given. Raises `Failed` when `path` is not
    a readable regular file, `OutcomeUnknown` when its mount does not answer.
    """
    require_answer(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", hint="Is the log where the runbook says?") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Failed(f"{path} is not a file", hint="Name a log file")
        start = max(0, found.st_size - limit)
        number = 1 + _newlines(handle, start) if start <= COUNTED else None
        yield from _lines(path, handle, start, found.st_size, number)
    finally:
        os.close(handle)


def find_lines(path: Path, patterns: Sequence[re.Pattern[str]], *, limit: int, newest: int) -> list[LogLine]:
    """The `newest` last lines within the last `limit` bytes that match a pattern, oldest first.

    Where the file was rotated and gives too few, the end of `path.1` comes before it. Raises `Failed` when there is
    neither, `OutcomeUnknown` when their mount does not answer.
    """
    require_answer(path)
    rotated = path.with_name(path.name + ".1")
    try:
        found = _matching(path, patterns, limit, newest)
    except Failed:
        if not rotated.is_file():
            raise
        found = []
    if len(found) < newest and rotated.is_file():
        found = [*_matching(rotated, patterns, limit, newest - len(found)), *found]
    return found


def _matching(path: Path, patterns: Sequence[re.Pattern[str]], limit: int, newest: int) -> list[LogLine]:
    kept: deque[LogLine] = deque(maxlen=newest)
    for line in tail_lines(path, limit):
        for index, pattern in enumerate(patterns):
            if pattern.search(line.text):
                kept.append(LogLine(line.file, line.number, line.text, index))
                break
    return list(kept)


def _newlines(handle: int, end: int) -> int:
    count = position = 0
    while position < end:
        chunk = os.pread(handle, min(1 << 20, end - position), position)
        if not chunk:
            break
        count += chunk.count(b"\n")
        position += len(chunk)
    return count


def _lines(path: Path, handle: int, start: int, end: int, number: int | None) -> Iterator[LogLine]:
    position, held = start, b""
    cut = start > 0 and os.pread(handle, 1, start - 1) != b"\n"  # the first piece is then the rest of a line
    while position < end:
        chunk = os.pread(handle, min(CHUNK, end - position), position)
        if not chunk:
            break  # truncated meanwhile
        position += len(chunk)
        *whole, rest = (held + chunk).split(b"\n")
        for piece in whole:
            if not cut:
                yield _line(path, number, piece)
            cut = False
            number = None if number is None else number + 1
        held = rest[:LONGEST]
    if held and not cut:
        yield _line(path, number, held)


def _line(path: Path, number: int | None, piece: bytes) -> LogLine:
    return LogLine(path, number, piece[:LONGEST].removesuffix(b"\r").decode("utf-8", "replace"))
