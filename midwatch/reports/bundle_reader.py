"""Reads an evidence bundle that may be hostile: into a folder of its own, within limits, plain files only."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from midwatch.reports.bundle import SIGNATURE, SUMS
from midwatch.system.errors import Failed
from midwatch.system.units import size

_ROOT = re.compile(r"INC-[\w.-]{1,200}", re.ASCII)
_SUM = re.compile(r"([0-9a-f]{64})  ([^\n]+)")
_TOTAL_BYTES = 4 << 30
_FILES = 100_000
_NAME_BYTES = 1024
_SUMS_BYTES = 64 << 20
_BLOCK = 512
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A bundle on disk."""

    folder: Path
    sums: dict[str, str]
    """The SHA-256 of each file as it was read, by its path in the folder."""

    def difference(self) -> str:
        """How the files differ from the list that the bundle has of them; empty where they do not."""
        listed = self._listed()
        own = {name: value for name, value in self.sums.items() if name not in (SUMS, SIGNATURE)}
        for name in sorted({*listed, *own}):
            if name not in listed:
                return f"{name} is in the bundle, and {SUMS} does not list it"
            if name not in own:
                return f"{name} is missing"
            if listed[name] != own[name]:
                return f"{name} was changed: its SHA-256 is {own[name]}, not {listed[name]}"
        return ""

    def _listed(self) -> dict[str, str]:
        file = self.folder / SUMS
        if SUMS not in self.sums or file.stat().st_size > _SUMS_BYTES:
            raise Failed(f"The bundle has no {SUMS} that can be read")
        listed = {}
        for line in file.read_bytes().decode("utf-8", "replace").splitlines():
            found = _SUM.fullmatch(line)
            if found is None or found[2] in listed:
                raise Failed(f"{SUMS} of the bundle has a line that does not belong there: {line[:80]!r}")
            listed[found[2]] = found[1]
        return listed


def unpack(bundle: IO[bytes], into: Path, *, limit_bytes: int = _TOTAL_BYTES) -> Unpacked:
    """Unpack a bundle into an empty folder of the caller's own. Raises `Failed` for anything but plain files in one
    folder, for more than the limits, and for a damaged archive."""
    free = os.statvfs(into)
    room = min(limit_bytes, free.f_bavail * free.f_frsize // 2)
    try:
        with gzip.open(bundle) as stream:
            return _Reader(stream, into, room).read()
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.HeaderError) as error:
        raise Failed(f"The bundle is damaged: {error}") from error
    except UnicodeDecodeError as error:
        raise Failed("The bundle has a name that is not UTF-8") from error


class _Reader:
    """One pass over the archive. Only what the writer of bundles makes is read; all else is refused."""

    def __init__(self, stream: gzip.GzipFile, into: Path, room: int) -> None:
        self._stream = stream
        self._into = into
        self._room, self._whole_room = room, room
        self._root = ""
        self._sums: dict[str, str] = {}

    def read(self) -> Unpacked:
        long_name = ""
        while (block := self._take(_BLOCK)) != bytes(_BLOCK):
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
            name = long_name or info.name
            long_name = ""
            if info.type == tarfile.GNUTYPE_LONGNAME and 0 < info.size <= _NAME_BYTES:
                long_name = self._padded(info.size).rstrip(b"\0").decode("utf-8")
            elif info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and info.size >= 0:
                self._file(name, info.size)
            else:
                raise Failed(f"{name[:200]!r} in the bundle is not a plain file")
        while rest := self._stream.read(_COPY_BYTES):
            self._charge(len(rest))
            if rest.strip(b"\0"):
                raise Failed("Something stands behind the end of the bundle")
        if not self._root:
            raise Failed("The bundle is empty")
        return Unpacked(self._into / self._root, self._sums)

    def _file(self, name: str, count: int) -> None:
        root, _, inner = name.partition("/")
        parts = inner.split("/")
        if not _ROOT.fullmatch(root) or root != (self._root or root):
            raise Failed(f"{name[:200]!r} in the bundle is not in the folder of its incident")
        if not all(map(_is_plain, parts)) or len(parts) > 4 or len(name.encode()) > _NAME_BYTES:
            raise Failed(f"{name[:200]!r} in the bundle is not a name that a bundle may hold")
        if inner in self._sums or len(self._sums) >= _FILES:
            raise Failed(
                f"The bundle holds {inner!r} twice" if inner in self._sums else "The bundle has too many files"
            )
        self._root = root
        path = self._into / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with path.open("xb") as file:
                self._sums[inner] = self._copy(count, file)
        except gzip.BadGzipFile:
            raise
        except OSError as error:
            raise Failed(f"{name[:200]!r} of the bundle cannot be unpacked: {error.strerror}") from error

    def _copy(self, count: int, to: IO[bytes]) -> str:
        digest, left = hashlib.sha256(), count
        while left:
            block = self._take(min(left, _COPY_BYTES))
            digest.update(block)
            to.write(block)
            left -= len(block)
        self._take(-count % _BLOCK)
        return digest.hexdigest()

    def _padded(self, count: int) -> bytes:
        return self._take(count + -count % _BLOCK)[:count]

    def _take(self, count: int) -> bytes:
        self._charge(count)
        data = self._stream.read(count)
        if len(data) < count:
            raise Failed("The bundle is damaged: its end is missing")
        return data

    def _charge(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise Failed(
                f"The bundle unpacks to more than {size(self._whole_room)}",
                hint="Set TMPDIR to a folder with more room, or do not trust it",
            )


def _is_plain(part: str) -> bool:
    return part not in ("", ".", "..") and part.isprintable() and "\\" not in part and len(part.encode()) <= 255
