"""Index of a growing output file. Memory depends on the lines in view, not on the length of the file."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from pathlib import Path

from midwatch.incident.permissions import open_file

BLOCK = 64 * 1024
Raw = bytes  # the class has a property named `bytes`
LONGEST_LINE = 4096
"""Bytes of a line that are shown; of a longer one the beginning."""
_ONE_READ = 8 * 1024 * 1024


class OutputIndex:
    """Lines of a file that something else appends to.

    Keeps one number per 64 KiB of the file: how many lines begin before it. Every call reads a bounded part of the
    file.
    """

    def __init__(self, path: Path) -> None:
        """The file need not be there yet."""
        self.path = path
        self._file: int | None = None
        self._identity = (0, 0)
        self._begin()

    def _begin(self) -> None:
        self._ends = array("Q", [0])
        """Line ends before byte 0, 64 KiB, 128 KiB, …"""
        self._read = 0
        self._count = 0
        self._last = b""
        self._cached: tuple[int, Raw] = (-1, b"")

    @property
    def bytes(self) -> int:
        """How much of the file is known."""
        return self._read

    @property
    def line_count(self) -> int:
        """Lines so far; an unfinished last line counts."""
        return self._count + (1 if self._read and self._last != b"\n" else 0)

    @property
    def ended_lines(self) -> int:
        """Lines whose end has come; the one after them may still grow."""
        return self._count

    def refresh(self) -> bool:
        """Take in what has come, 8 MiB at most; True when the lines have changed. Call it again soon after True.

        A file that was cut or replaced is read from its beginning again.
        """
        changed = self._reopen()
        if self._file is None:
            return changed
        size = os.fstat(self._file).st_size
        if size < self._read:
            self._begin()
            changed = True
        limit = min(size, self._read + _ONE_READ)
        while self._read < limit:
            offset = self._read % BLOCK
            data = os.pread(self._file, min(BLOCK - offset, limit - self._read), self._read)
            if not data:
                break
            self._count += data.count(b"\n")
            self._read += len(data)
            self._last = data[-1:]
            if self._read % BLOCK == 0:
                self._ends.append(self._count)
            changed = True
        if changed:
            self._cached = (-1, b"")
        return changed

    def _reopen(self) -> bool:
        """Follow the name: the file may appear late, or be another one now."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  (called twenty times a second)
        except OSError:
            return False  # a file that went away can still be read
        identity = (found.st_dev, found.st_ino)
        if self._file is not None and identity == self._identity:
            return False
        self.close()
        try:
            self._file = open_file(self.path, os.O_RDONLY)
        except OSError:
            return False
        self._identity = identity
        had = self._read > 0
        self._begin()
        return had

    def lines(self, start: int, count: int, *, longest: int = LONGEST_LINE) -> list[str]:
        """Lines `start` (from 0) to `start + count`, as many of them as there are.

        Of each, what follows its last carriage return, `longest` bytes at most, undecodable bytes as lone surrogates.
        Escape sequences are still in it: clean it (`midwatch.system.sanitize`) or interpret it before it is shown.
        """
        start = max(0, start)
        stop = min(start + max(0, count), self.line_count)
        if start >= stop:
            return []
        found: list[str] = []
        position = self._offset(start)
        page, page_at = b"", position
        for _ in range(start, stop):
            end = page.find(b"\n", position - page_at)
            if end < 0:
                page, page_at = self.read_at(position, min(BLOCK, self._read - position)), position
                end = page.find(b"\n")
            if end >= 0 and end + page_at - position <= longest:
                line, position = _visible(page[position - page_at : end]), page_at + end + 1
            else:
                line, position = self._line(position, longest)
            found.append(line.decode("utf-8", "surrogateescape"))
        return found

    def whole(self, start: int, stop: int, limit_bytes: int) -> Raw:
        """Lines `start` to `stop` as they are in the file; empty when they are longer than the limit."""
        begin = self.offset_of(start)
        size = self.offset_of(stop) - begin
        return self.read_at(begin, size) if size <= limit_bytes else b""

    def offset_of(self, line: int) -> int:
        """The byte at which a line begins; the end of what is known for one that is not there."""
        return self._offset(line) if line < self.line_count else self._read

    def line_at(self, position: int) -> int:
        """The number of the line that holds this byte."""
        block = position // BLOCK
        data = self.read_at(block * BLOCK, position - block * BLOCK)
        return self._ends[block] + data.count(b"\n")

    def _offset(self, line: int) -> int:
        """Where a line begins."""
        if line == 0:
            return 0
        block = max(0, bisect_right(self._ends, line - 1) - 1)
        ahead = line - self._ends[block]
        position = block * BLOCK
        while True:
            data = self._block(position)
            ends = data.count(b"\n")
            if not data:
                return position
            if ends >= ahead:
                return position + len(data) - len(data.split(b"\n", ahead)[-1])
            ahead -= ends
            position += len(data)

    def _block(self, position: int) -> Raw:
        if self._cached[0] != position:
            self._cached = (position, self.read_at(position, min(BLOCK, self._read - position)))
        return self._cached[1]

    def _line(self, position: int, longest: int) -> tuple[Raw, int]:
        """The shown part of the line at `position`, and where the next one begins."""
        head = self.read_at(position, min(longest, self._read - position))
        end = head.find(b"\n")
        if end >= 0:
            return _visible(head[:end]), position + end + 1
        stop = self._line_end(position + len(head))
        if stop - position > longest:  # what a progress line shows is at its end
            tail = self.read_at(max(position, stop - longest), min(longest, stop - position))
            last = tail.rstrip(b"\r").rfind(b"\r")
            if last >= 0:
                return _visible(tail[last + 1 :]), stop + 1
        return _visible(head), stop + 1

    def _line_end(self, position: int) -> int:
        """Where the line that goes on at `position` ends. Whole blocks without a line end are passed over by the
        index."""
        while position < self._read:
            block = position // BLOCK
            if block + 1 < len(self._ends):
                data = self.read_at(position, (block + 1) * BLOCK - position)
                end = data.find(b"\n")
                if end >= 0:
                    return position + end
                block = max(block + 1, bisect_right(self._ends, self._ends[block + 1]) - 1)
                position = block * BLOCK
                continue
            data = self.read_at(position, min(BLOCK, self._read - position))
            end = data.find(b"\n")
            if end >= 0 or not data:
                return position + max(end, 0)
            position += len(data)
        return self._read

    def read_at(self, position: int, count: int) -> Raw:
        """Bytes of the file; fewer when it was cut underneath us."""
        return os.pread(self._file, count, position) if self._file is not None and count > 0 else b""

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __del__(self) -> None:
        self.close()


def _visible(line: bytes) -> bytes:
    line = line.rstrip(b"\r")
    return line[line.rfind(b"\r") + 1 :]
