"""A compressed archive of `pg_dump`, wherever it lies, encrypted or not."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from midwatch.system.trusted_files import open_regular_file
from probes.backup.age_encryption import plain
from probes.backup.dump_reader import DigestingReader, Readable


@dataclass(frozen=True, slots=True)
class DumpFile:
    """One archive, or the roles beside it."""

    name: str
    """Of the file, as people are told."""
    bytes: int | None
    """None when that is not known."""
    open: Callable[[], AbstractContextManager[Readable]]
    """Begin to read it. Leaving the block early is no fault; raises `MidwatchError` or `OSError` when not all of it
    comes."""
    identity: Path | None = None
    """The private key of one that is encrypted."""

    @classmethod
    def of(cls, file: Path, identity: Path | None = None) -> Self:
        """One that is a file here. Raises `OSError`."""
        return cls(file.name, file.stat().st_size, lambda: open_regular_file(file), identity)

    @contextlib.contextmanager
    def unsealed(self) -> Iterator[io.RawIOBase]:
        """What is in it as a gzip file, decrypted as it is read.

        Raises what `open` and `probes.backup.age_encryption.plain` raise.
        """
        with self.open() as raw, plain(DigestingReader(raw, lambda count: None), self.name, self.identity) as packed:
            yield packed
