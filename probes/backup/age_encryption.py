"""Encrypts and decrypts backups with age, through pyrage (`midwatch[age]`).

Whoever writes one needs the public keys alone. Plain `age -d -i KEY FILE | gunzip` reads it as well.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Failed, Refused, shortage
from midwatch.system.trusted_files import open_regular
from probes.backup.byte_pipe import BytePipe
from probes.backup.dump_reader import CHUNK

SUFFIX = ".age"
"""End of the name of an encrypted backup: `arp-prod-….sql.gz.age`."""
LARGEST = 1 << 20
"""Bytes of a file with keys; a larger one is something else."""
_SSH = ("ssh-ed25519 ", "ssh-rsa ")
_SHOWN = 12


class _Below(Protocol):
    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key."""

    text: str
    """`age1…`, or `ssh-ed25519 AAAA… comment`."""

    def __str__(self) -> str:
        """Short, for a plan: a comment says more than a key."""
        kind, _, rest = self.text.partition(" ")
        key, _, comment = rest.partition(" ")
        if not rest:
            return f"{kind[:_SHOWN]}…{kind[-4:]}"
        return f"{kind} {comment or f'…{key[-_SHOWN:]}'}"

    def key(self) -> Any:
        """As pyrage takes it. Raises `BadInput` when it is none, `Refused` without pyrage."""
        pyrage = _pyrage()
        try:
            if self.text.startswith(_SSH):
                return pyrage.ssh.Recipient.from_str(self.text)
            return pyrage.x25519.Recipient.from_str(self.text)
        except pyrage.RecipientError as error:
            hint = "Copy it anew: age1…, ssh-ed25519 AAAA… or ssh-rsa AAAA…"
            raise BadInput(f"{str(self)!r} is no public key: {error}", hint=hint) from error


def recipients_of(texts: Sequence[str], resolve: Callable[[str], Path]) -> tuple[Recipient, ...]:
    """The public keys that are given, or stand in files (a line each, `#` begins a comment). Raises `MidwatchError`.

    Every one is tried, so that a backup does not fail for it half-way.
    """
    found: list[Recipient] = []
    for text in texts:
        found += [_recipient(text, "")] if _is_key(text) else _listed(resolve(text))
    for one in found:
        one.key()
    return tuple(dict.fromkeys(found))


def chosen(runbook: Runbook, given: Sequence[str]) -> tuple[Recipient, ...]:
    """Those that were given, else those of the site (`locations.recipients`), else none. Raises `MidwatchError`."""
    site = runbook.locations.get("recipients", "")
    return recipients_of(given or ([site] if site else []), runbook.resolve)


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
            _pyrage().encrypt_io(packed, _Remembering(self._below, self), self._keys)
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
    found: bytes = _pyrage().encrypt(data, [one.key() for one in recipients])
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
        self._keys = _identities(identity)
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
            _pyrage().decrypt_io(io.BufferedReader(self._raw, CHUNK), self, self._keys)
            self.passage.end()
        except BaseException as error:  # whatever it is, what is read from here on is not what was written
            if not self._begun.is_set() and type(error).__name__ == "DecryptError" and "No matching keys" in str(error):
                self._problem = f"The key in {self._identity} does not open {self._name}"
            self.passage.fail(OSError(f"it cannot be decrypted: {error}"))
        finally:
            self._begun.set()


def _pyrage() -> ModuleType:
    try:
        import pyrage  # type: ignore[import-untyped]
    except ImportError as error:
        hint = "pip install 'midwatch[age]'"
        raise Refused("An encrypted backup needs pyrage, which is not installed", hint=hint) from error
    return cast(ModuleType, pyrage)


def _is_key(text: str) -> bool:
    return text.startswith(("age1", "AGE-SECRET-KEY-", *_SSH))


def _recipient(text: str, where: str) -> Recipient:
    if "AGE-SECRET-KEY-" in text or "PRIVATE KEY" in text:
        hint = "A backup is encrypted to public keys: age-keygen -y FILE tells that of a private one"
        raise BadInput(f"That is a private key{where}", hint=hint)
    if not _is_key(text):
        raise BadInput(
            f"This is no public key{where}", hint="Write age1…, ssh-ed25519 AAAA… or ssh-rsa AAAA…, one a line"
        )
    return Recipient(" ".join(text.split()))


def _listed(file: Path) -> list[Recipient]:
    lines = _text(file).decode("utf-8", "replace").splitlines()
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    found = [_recipient(line, f" ({file}:{number})") for number, line in numbered if line and not line.startswith("#")]
    if not found:
        raise BadInput(
            f"{file} holds no public key", hint="Write age1…, ssh-ed25519 AAAA… or ssh-rsa AAAA…, one a line"
        )
    return found


def _identities(file: Path) -> list[Any]:
    """The private keys in a file: of age, a line each, or one of OpenSSH. Raises `MidwatchError`."""
    pyrage, data = _pyrage(), _text(file)
    if data.startswith((b"age-encryption.org/", b"-----BEGIN AGE")):
        hint = f"Open it for this command only: --identity <(age -d {file.name})"
        raise Refused(f"{file} is itself encrypted with a passphrase", hint=hint)
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(data)]
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError as error:
        if "decrypted first" in str(error):
            raise Refused(f"{file} has a passphrase", hint="Give a copy without one, on a disk in memory") from None
        raise BadInput(
            f"{file} holds no private key that can be used", hint="Give AGE-SECRET-KEY-1… or a key of ssh"
        ) from None
    if not found:
        raise BadInput(f"{file} holds no private key", hint="Give AGE-SECRET-KEY-1… or a key of ssh")
    return found


_OWN_DESCRIPTORS = (Path("/dev/fd"), Path("/proc/self/fd"))
"""Where the shell puts the pipe of `--identity <(age -d FILE)`."""


def _text(file: Path) -> bytes:
    try:
        opening = open_regular if file.parent not in _OWN_DESCRIPTORS else lambda given: os.open(given, os.O_RDONLY)
        with os.fdopen(opening(file), "rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", hint="Name a key, or a file with keys") from error
    if len(data) > LARGEST:
        raise BadInput(f"{file} is too large for a file with keys", hint="Name a key, or a file with keys")
    return data
