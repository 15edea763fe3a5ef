"""Where the watcher stands in a log, so that it finds the place again after a rotation, a truncation or a restart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

_PROOF_BYTES = 1024
"""Bytes before the offset that have to be the same, or the file is another one."""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in one file. The bytes before it tell the file from another one of the same inode."""

    device: int = 0
    inode: int = 0
    """0 for a log that was missing: its next file is read from its beginning."""
    offset: int = 0
    """The end of the last line that was read."""
    proof: str = ""
    """Digest of the bytes just before the offset."""
    number: int = 1
    """Of the next line, counted from 1; 0 where it is not known."""
    inside: bool = False
    """Whether the offset lies inside a line whose rest is to be skipped."""
    modified_ns: int = 0
    """When the file was changed last, as known then."""

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file has the same device and inode."""
        return (self.device, self.inode) == (status.st_dev, status.st_ino)

    def is_intact(self, descriptor: int) -> bool:
        """Whether the bytes before the offset stand in this file, too. Raises `OSError`."""
        return os.fstat(descriptor).st_size >= self.offset and proof_at(descriptor, self.offset) == self.proof

    def to_json(self) -> dict[str, Any]:
        """As the state of the watcher has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises `TypeError` for what is none."""
        return cls(**data)


def proof_at(descriptor: int, offset: int) -> str:
    """The digest of the bytes before an offset; empty at the beginning of the file. Raises `OSError`."""
    length = min(offset, _PROOF_BYTES)
    return hashlib.sha256(os.pread(descriptor, length, offset - length)).hexdigest()[:32] if length else ""
