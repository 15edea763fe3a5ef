"""The pipeline from a dump to its destination: gzip, verification, encryption, size and checksum."""

from __future__ import annotations

import hashlib
from typing import Protocol

from actions.destinations.destination import BackupWriter
from actions.dump.stream_verifier import StreamVerifier
from probes.backup.age_encryption import Encrypting

_GZIP = 31
"""`wbits` for a gzip file."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class Hashing:
    """Counts and digests what goes to the destination."""

    def __init__(self, writing: BackupWriter) -> None:
        self._writing = writing
        self.count, self.digest = 0, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write the data and update the digest and the size."""
        self._writing.write(data)
        self.digest.update(data)
        self.count += len(data)


class DumpPipeline:
    """Compresses what it is given. Whatever is not closed is no gzip file: half a dump must not look whole."""

    def __init__(self, below: Hashing | Encrypting, along: StreamVerifier) -> None:
        self._below, self._along = below, along
        self._compressor = new_compressor()
        self.unpacked = 0

    def write(self, data: bytes) -> None:
        """Compress the data and pass it on."""
        self.unpacked += len(data)
        self._give(self._compressor.compress(data))

    def close(self) -> None:
        """Write the end of the file. Only for a dump that has ended well."""
        self._give(self._compressor.flush())
        if isinstance(self._below, Encrypting):
            self._below.close()

    def _give(self, packed: bytes) -> None:
        if packed:
            self._along.write(packed)
            self._below.write(packed)


def new_compressor() -> _Compressor:
    try:
        from isal import isal_zlib
    except ImportError:  # slower, the same format
        import zlib

        return zlib.compressobj(1, wbits=_GZIP)
    compressor: _Compressor = isal_zlib.compressobj(1, wbits=_GZIP)
    return compressor
