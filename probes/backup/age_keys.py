"""The keys of age: public ones to which a backup is encrypted, private ones that open it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Refused
from midwatch.system.trusted_files import open_regular

LARGEST = 1 << 20
"""Bytes of a file with keys; a larger one is something else."""
_SSH = ("ssh-ed25519 ", "ssh-rsa ")
_SHOWN = 12


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
        pyrage = load_pyrage()
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


def load_pyrage() -> ModuleType:
    """The library of age. Raises `Refused` where it is not installed."""
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


def identities_in(file: Path) -> list[Any]:
    """The private keys in a file: of age, a line each, or one of OpenSSH. Raises `MidwatchError`."""
    pyrage, data = load_pyrage(), _text(file)
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
