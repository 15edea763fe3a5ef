"""Reads a compressed dump to its last byte through `pg_restore`: the shallowest test that finds a cut or damaged
one."""

from __future__ import annotations

import contextlib
import hashlib
import io
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from midwatch.system.errors import Failed, in_words
from midwatch.system.trusted_files import open_regular_file

CHUNK = 1 << 18
_NO_MEMORY = ("out of memory", "cannot allocate memory", "failed to map segment")
_BY_SIGNAL = 128
"""What a shell, or Docker, adds to the number of the signal that ended a program."""


class Readable(Protocol):
    """Whatever bytes can be read from, to the end."""

    def read(self, size: int = ..., /) -> bytes | None:
        """Return up to `size` bytes; empty bytes at the end."""
        ...


class DigestingReader(io.RawIOBase):
    """A file as a decompressor sees it; counts and digests every byte that passes."""

    def __init__(self, raw: Readable, tell: Callable[[int], None]) -> None:
        super().__init__()
        self._raw, self._tell = raw, tell
        self.digest, self.bytes = hashlib.sha256(), 0

    def readable(self) -> bool:
        """Return True, as `io.RawIOBase` asks."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any writable buffer
        """Read into the buffer and update the digest."""
        data = self._raw.read(len(buffer)) or b""
        buffer[: len(data)] = data
        self.digest.update(data)
        self.bytes += len(data)
        self._tell(self.bytes)
        return len(data)


@contextlib.contextmanager
def fed(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is given its input from here, all of its streams being ours; killed when anything goes wrong
    meanwhile.

    Else it would wait for the rest of its input, and whoever reads what it says for the rest of that.
    """
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def fell_short(code: int, said: str) -> str:
    """Why a program of PostgreSQL did not come to its end for want of something here: it was killed, or had no memory.

    Empty when it ended by itself, well or not. What it read or wrote is not to blame.
    """
    number = -code if code < 0 else code - _BY_SIGNAL
    if 0 < number < signal.NSIG:
        return f"was ended by a signal ({signal.strsignal(number) or number}), as when memory runs out"
    if code and any(words in said.lower() for words in _NO_MEMORY):
        return "ran out of memory"
    return ""


@dataclass(frozen=True, slots=True)
class ReadThrough:
    """Whether the whole file was read and understood, and if not, why."""

    ok: bool
    reason: str = ""


def read_through(file: Path, pg_restore: Path, limit: float) -> ReadThrough:
    """Decompress `file` and give all of it to `pg_restore -f /dev/null`, within `limit` seconds. No temporary file.

    Both ends count: the compressor's checksum and end, and the exit of `pg_restore`. `pg_restore --list` stops after
    the contents, and so passes a file that was cut at half.
    """
    deadline = time.monotonic() + limit
    argv = [str(pg_restore), "-f", "/dev/null"]
    try:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        return ReadThrough(False, f"pg_restore cannot be run: {error.strerror}")
    with process:
        assert process.stdin is not None
        fault = _feed(file, process.stdin, deadline)
        if fault:
            process.kill()
        else:
            try:
                process.wait(max(1.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                fault = "it takes too long to read"
    if fault:
        return ReadThrough(False, fault)
    return (
        ReadThrough(True)
        if process.returncode == 0
        else ReadThrough(False, f"pg_restore ended with {process.returncode}")
    )


def _feed(file: Path, into: IO[bytes], deadline: float) -> str:
    """Give everything to `into` and close it. Returns what is wrong with the file; empty when nothing is."""
    from isal import igzip  # several times as fast as the standard library
    from isal.igzip_lib import IsalError

    try:
        with open_regular_file(file) as packed, igzip.open(packed, "rb") as unpacked:  # type: ignore[no-untyped-call]
            while chunk := unpacked.read(CHUNK):
                into.write(chunk)
                if time.monotonic() > deadline:
                    return "it takes too long to read"
        into.close()
    except BrokenPipeError:
        return ""  # pg_restore gave up, and its exit says so
    except (EOFError, IsalError) as error:  # type: ignore[misc]  # its stub calls the class an instance
        return f"damaged: {error}"
    except (OSError, Failed) as error:
        return in_words(error)
    return ""
