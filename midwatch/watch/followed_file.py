"""One open file of a followed log: gives the whole lines that are new."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from midwatch.system.trusted_files import open_regular
from midwatch.watch.log_position import LogPosition, proof_at

_CHUNK_BYTES = 1 << 18
LINE_LIMIT_BYTES = 4096
"""Bytes of a line that are kept; the rest of it is skipped."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One new line. Its text is foreign: clean it before showing it."""

    file: str
    """The name of the file."""
    number: int
    """Counted from 1; 0 where it is not known."""
    inode: int
    offset: int
    """Where the line begins."""
    text: str
    ended: bool = True
    """False for the last line of a file while its newline is missing."""

    @property
    def place(self) -> str:
        """`backup.log:12`."""
        return f"{self.file}:{self.number}" if self.number else self.file


class FollowedFile:
    """One file, open, and the place up to which it was read."""

    def __init__(self, path: Path, position: LogPosition | None = None) -> None:
        """Raises `OSError`, and `Failed` for what is no regular file."""
        self.name = path.name
        self.descriptor = open_regular(path)
        status = os.fstat(self.descriptor)
        start = position or LogPosition(modified_ns=status.st_mtime_ns)
        self.position = replace(start, device=status.st_dev, inode=status.st_ino)
        self.history_end = 0
        """Lines before this offset were there before the watcher."""
        self._seen: tuple[int, int, int] | None = None
        """Size and times of change at the last look, and nothing was left then."""
        self._rest = b""
        """The beginning of a line without its end, as it was at the last look."""

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.descriptor)

    @property
    def size(self) -> int:
        """In bytes, now."""
        return os.fstat(self.descriptor).st_size

    def is_unchanged(self) -> bool:
        """Whether nothing was written since the last look, when no whole line was left. Raises `OSError`."""
        status = os.fstat(self.descriptor)
        return self._seen == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_intact(self) -> bool:
        """Whether the file still has what was read of it. Raises `OSError`."""
        return self.is_unchanged() or self.position.is_intact(self.descriptor)

    def start_over(self) -> None:
        """Read it again from its beginning: it was truncated. The hole that some writers leave is skipped."""
        at = 0
        with contextlib.suppress(OSError):  # nothing but a hole
            at = os.lseek(self.descriptor, 0, os.SEEK_DATA)
        self.position = LogPosition(
            self.position.device,
            self.position.inode,
            at,
            proof_at(self.descriptor, at),
            modified_ns=os.fstat(self.descriptor).st_mtime_ns,
        )
        self._seen, self._rest, self.history_end = None, b"", 0

    def skip_to(self, offset: int) -> None:
        """Begin with the first line that starts at or behind an offset; lines before it are counted up to 256 MB."""
        number = 1 + self._newlines(offset) if offset <= 256_000_000 else 0
        is_start = not offset or os.pread(self.descriptor, 1, offset - 1) == b"\n"
        proof = proof_at(self.descriptor, offset)
        self.position = replace(self.position, offset=offset, number=number, inside=not is_start, proof=proof)

    def lines(self, limit_bytes: int) -> Iterator[LogLine]:
        """The new lines, at most so many bytes of them. Raises `OSError`."""
        if self.is_unchanged():
            return
        status, left = os.fstat(self.descriptor), limit_bytes
        at, number, inside = self.position.offset, self.position.number, self.position.inside
        while left > 0 and (chunk := os.pread(self.descriptor, _CHUNK_BYTES, at)):
            end = chunk.rfind(b"\n") + 1
            if not end and len(chunk) < _CHUNK_BYTES:
                break
            whole, begin = chunk[: end or len(chunk)], at
            for piece in whole.removesuffix(b"\n").split(b"\n"):
                if not inside:
                    yield LogLine(self.name, number, self.position.inode, begin, _text(piece))
                inside, begin, number = False, begin + len(piece) + 1, number + 1 if number else 0
            if not end:  # a line without an end: its rest is skipped, and counted with it
                inside, number = True, max(number - 1, 0)
            at, left = at + len(whole), left - len(whole)
        self.position = replace(
            self.position,
            offset=at,
            number=number,
            inside=inside,
            proof=proof_at(self.descriptor, at),
            modified_ns=status.st_mtime_ns,
        )
        if left > 0:
            self._seen = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def unended(self, *, final: bool = False) -> LogLine | None:
        """The last line while its newline is missing, once it is as it was at the last look, or is `final`."""
        rest = b"" if self.position.inside else os.pread(self.descriptor, LINE_LIMIT_BYTES, self.position.offset)
        rest = rest.lstrip(b"\0")
        steady, self._rest = rest == self._rest, rest
        if not rest or not (steady or final):
            return None
        here = self.position
        return LogLine(self.name, here.number, here.inode, here.offset, _text(rest), ended=False)

    def take_unended(self) -> None:
        """The line without an end counts as read: whatever is added to it is skipped."""
        end = self.position.offset + len(os.pread(self.descriptor, LINE_LIMIT_BYTES, self.position.offset))
        self.position = replace(self.position, offset=end, inside=True, proof=proof_at(self.descriptor, end))
        self._seen, self._rest = None, b""

    def _newlines(self, end: int) -> int:
        count, at = 0, 0
        while at < end and (chunk := os.pread(self.descriptor, min(1 << 20, end - at), at)):
            count, at = count + chunk.count(b"\n"), at + len(chunk)
        return count


def _text(piece: bytes) -> str:
    return piece.lstrip(b"\0")[:LINE_LIMIT_BYTES].removesuffix(b"\r").decode("utf-8", "replace")
