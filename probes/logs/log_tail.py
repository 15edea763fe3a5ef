"""Reads the end of a log file, even if the file is huge, truncated, binary, compressed, in UTF-16 or without
newlines."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from midwatch.system.errors import Failed
from midwatch.system.mounts import require_answer

CHUNK = 1 << 16
LONGEST = 4096
"""Bytes of a line that are kept; the rest of it is skipped."""
COUNTED = 256_000_000
"""Bytes before the tail up to which line numbers are counted, and bytes of a compressed file that are read."""
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UNREAD = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"PK\x03\x04": "zip", b"\x1f\x9d": "compress"}
"""How files begin that are compressed by something that is not read here."""
_SAMPLE = 256
_END = re.compile(rb"(\n|[\0\r]+)")
"""What ends a line, or a part of one: a program writes over a line after `\\r`, and NULs stand where a truncated file
goes on."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log. Its text is foreign: clean it before showing it."""

    file: Path
    number: int | None
    """Counted from 1; None when the file before it is too large to count."""
    text: str
    """Decoded as UTF-8 with replacements, without its line end and the NULs around it, at most 4096 bytes of it."""
    match: int = 0
    """Which of the patterns it matched, counted from 0."""

    @property
    def place(self) -> str:
        """`backup.log:12`."""
        return self.file.name if self.number is None else f"{self.file.name}:{self.number}"


def tail_lines(path: Path, limit: int, *, follow: bool = True) -> Iterator[LogLine]:
    """The whole lines within the last `limit` bytes, oldest first, in flat memory; all lines of a compressed file.

    A line that the limit cuts is left out; a last line without a newline is given. Without `follow`, a link is not
    followed. Raises `Failed` when `path` is not
    a readable regular file or is damaged, `OutcomeUnknown` when its mount does not answer.
    """
    require_answer(path)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", hint="Is the log where the runbook says?") from error
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise Failed(f"{path} is not a file", hint="Name a log file")
    with os.fdopen(handle, "rb", buffering=0) as file:
        magic = os.pread(handle, 6, 0)
        for beginning, packer in _UNREAD.items():
            if magic.startswith(beginning):
                raise Failed(f"{path} is compressed by {packer}, which is not read here", hint="Unpack it")
        if (unpacked := unpacked_content(file, magic)) is not None:
            content = _chunks_of(path, unpacked)
            first = next(content, b"")
            whole, encoding = chain([first], content), _UTF_16.get(first[:2]) or _utf_16(first[:_SAMPLE])
            yield from _split(path, _decoded(whole, encoding) if encoding else whole, 1, cut=False)
            return
        start, sample = max(0, found.st_size - limit), os.pread(handle, _SAMPLE, 0)
        if not sample.strip(b"\0"):  # what a truncated file begins with
            sample = os.pread(handle, _SAMPLE, max(0, found.st_size // 2 * 2 - _SAMPLE))
        encoding = _UTF_16.get(magic[:2]) or _utf_16(sample)
        start -= start % 2 if encoding else 0
        number = 1 + _newlines(handle, start) if start <= COUNTED else None
        before = os.pread(handle, 1, start - 1) if start else b"\n"
        # After a newline, or within the NULs that a truncated file begins with, the first piece is a whole line.
        cut = before not in (b"\n", b"\0") or (before == b"\0" and bool(encoding))
        chunks = _chunks(handle, start, found.st_size)
        yield from _split(path, _decoded(chunks, encoding) if encoding else chunks, number, cut=cut)


def _utf_16(sample: bytes) -> str:
    """The encoding of a file that is UTF-16 without a mark: nearly every other byte is NUL. Else empty."""
    while sample[:2] == b"\0\0":
        sample = sample[2:]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    most, fewest = max(even, odd), min(even, odd)
    if len(sample) < 4 or most < 0.7 * (len(sample) // 2) or fewest:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def is_cut(path: Path, limit: int) -> bool:
    """Whether `tail_lines` leaves out the beginning of this file."""
    try:
        return path.stat().st_size > limit and path.suffix not in (".gz", ".bz2", ".xz", ".lzma")
    except OSError:
        return False


def _newlines(handle: int, end: int) -> int:
    return sum(chunk.count(b"\n") for chunk in _chunks(handle, 0, end, 1 << 20))


def _chunks(handle: int, start: int, end: int, length: int = CHUNK) -> Iterator[bytes]:
    while start < end and (chunk := os.pread(handle, min(length, end - start), start)):  # it may be truncated meanwhile
        start += len(chunk)
        yield chunk


def unpacked_content(file: BinaryIO, magic: bytes) -> BinaryIO | None:
    """The content of a compressed file; None for another one."""
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]  # all that is called here is there
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)  # type: ignore[return-value]
    return lzma.LZMAFile(file) if magic == b"\xfd7zXZ\0" or magic.startswith(b"\x5d\0\0") else None  # type: ignore[return-value]


def _chunks_of(path: Path, unpacked: BinaryIO) -> Iterator[bytes]:
    left = COUNTED
    try:
        while left > 0 and (chunk := unpacked.read(CHUNK)):
            left -= len(chunk)
            yield chunk
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Failed(f"{path} is damaged: {error}", hint="What could be read of it was looked at") from error
    if left <= 0:
        raise Failed(f"{path} holds more than {COUNTED:,} bytes", hint="What comes before them was looked at")


def _decoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).replace("\ufeff", "").encode("utf-8", "replace")


def _split(path: Path, chunks: Iterator[bytes], number: int | None, *, cut: bool) -> Iterator[LogLine]:
    held, is_parted = b"", False
    for chunk in chunks:
        pieces = _END.split(held + chunk)
        for piece, end in zip(pieces[::2], pieces[1::2], strict=False):
            if not cut and (piece or not (is_parted or end != b"\n")):
                yield _line(path, number, piece)
            is_parted, cut = end != b"\n", cut and end[:1] == b"\r"
            number = number if number is None or is_parted else number + 1
        held = pieces[-1][:LONGEST]
    if held and not cut:
        yield _line(path, number, held)


def _line(path: Path, number: int | None, piece: bytes) -> LogLine:
    text = piece[:LONGEST].decode("utf-8", "replace")
    return LogLine(path, number, text.removeprefix("\ufeff") if number == 1 else text)
