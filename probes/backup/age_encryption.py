"""Encrypts and decrypts backups with age, through pyrage (`midwatch[age]`).

Whoever writes one needs the public keys alone. Plain `age -d -i KEY FILE | gunzip` reads it as well.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from midwatch.system.errors import Failed, Refused, shortage
from midwatch.system.trusted_files import open_regular
from probes.backup.age_keys import Recipient, identities_in, load_pyrage
from probes.backup.byte_pipe import BytePipe
from probes.backup.dump_reader import CHUNK

SUFFIX = ".age"
"""End of the name of an encrypted backup: `arp-prod-….sql.gz.age`."""


class _Below(Protocol):
    def write(self, data: bytes, /) -> object: ...


def is_encrypted(name: str) -> bool:
    """Whether a backup of this name is encrypted."""
    return name.endswith(SUFFIX)


class Encrypting:
    """Encrypts what is written to it, in a thread of its own, and writes that below. What is not closed nobody can
    open."""

    def __init__(self, below: _Below, recipients: Sequence[Recipient]) -> None:
        self._below, self._keys = below, [one.key() for one in recipients]
        self._passage = BytePipe()
        self._error: BaseException | None = None
        self._done = False
        self._thread = threading.Thread(target=self._run, name="encrypting", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Raises what writing below raised."""
        try:
            self._passage.pass_on(data)
        except BrokenPipeError:
            self._fail()

    def close(self) -> None:
        """Write the end. Raises what writing below raised."""
        self._passage.end()
        self._thread.join()
        self._fail()

    def stop(self) -> None:
        """Give up; nothing is written any more. Harmless once it is closed."""
        self._passage.fail(EOFError("given up"))
        self._thread.join()

    def _fail(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error
        if not self._done:
            raise Failed("The backup cannot be encrypted: it ended before its end", hint="Nothing was published")

    def _run(self) -> None:
        try:
            packed = io.BufferedReader(cast(io.RawIOBase, self._passage), CHUNK)
            load_pyrage().encrypt_io(packed, _Remembering(self._below, self), self._keys)
            self._done = True
        except (
            BaseException
        ) as error:  # pyrage keeps the words of what our own side raised, not the error; it panics as well
            told = shortage(error) or error
            self._error = self._error or Failed(f"The backup cannot be encrypted: {told}", hint="Nothing was published")
        finally:
            self._passage.close()

    def remember(self, error: BaseException) -> None:
        """Keep an error that the encryption library would lose."""
        self._error = error


class _Remembering:
    """What lies below, and what it raised."""

    def __init__(self, below: _Below, encrypting: Encrypting) -> None:
        self._below, self._encrypting = below, encrypting

    def write(self, data: bytes) -> int:
        try:
            self._below.write(data)
        except BaseException as error:
            self._encrypting.remember(error)
            raise
        return len(data)

    def flush(self) -> None: ...


def encrypted(data: bytes, recipients: Sequence[Recipient]) -> bytes:
    """All of it at once; for what is small."""
    found: bytes = load_pyrage().encrypt(data, [one.key() for one in recipients])
    return found


@contextlib.contextmanager
def plain(raw: io.RawIOBase, name: str, identity: Path | None) -> Iterator[io.RawIOBase]:
    """What is in a backup of this name as a gzip file: the file itself, or decrypted as it is read, without a temporary
    file.

    Raises `Refused` when it is encrypted and no key is given, `Failed` when the key does not open it. Damage is an
    `OSError` of whoever reads, at the latest at the end.
    """
    if not is_encrypted(name):
        yield raw
        return
    if identity is None:
        raise Refused(f"{name} is encrypted", hint="Give the file with the private key: --identity FILE")
    decrypting = _Decrypting(raw, name, identity)
    try:
        decrypting.opened()
        yield decrypting.passage
    finally:
        decrypting.passage.close()
        decrypting.thread.join()


@contextlib.contextmanager
def opened(file: Path, identity: Path | None) -> Iterator[io.RawIOBase]:
    """The same of a file of this machine. Raises `OSError` as well."""
    with os.fdopen(open_regular(file), "rb", buffering=0) as raw, plain(raw, file.name, identity) as packed:
        yield packed


class _Decrypting:
    """A thread that decrypts into a passage."""

    def __init__(self, raw: io.RawIOBase, name: str, identity: Path) -> None:
        self._raw, self._name, self._identity = raw, name, identity
        self._keys = identities_in(identity)
        self._begun = threading.Event()
        self._problem = ""
        self.passage = BytePipe()
        self.thread = threading.Thread(target=self._run, name="decrypting", daemon=True)
        self.thread.start()

    def opened(self) -> None:
        """Return once something was decrypted. Raises `Failed` when nothing can be."""
        self._begun.wait()
        if self._problem:
            raise Failed(self._problem, hint="Name the key that belongs to one of its recipients")

    def write(self, data: bytes) -> int:
        self._begun.set()
        self.passage.pass_on(data)
        return len(data)

    def flush(self) -> None: ...

    def _run(self) -> None:
        try:
            load_pyrage().decrypt_io(io.BufferedReader(self._raw, CHUNK), self, self._keys)
            self.passage.end()
        except BaseException as error:  # whatever it is, what is read from here on is not what was written
            if not self._begun.is_set() and type(error).__name__ == "DecryptError" and "No matching keys" in str(error):
                self._problem = f"The key in {self._identity} does not open {self._name}"
            self.passage.fail(OSError(f"it cannot be decrypted: {error}"))
        finally:
            self._begun.set()
