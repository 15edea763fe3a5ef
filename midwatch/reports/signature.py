"""Signatures of exports with the operator's own SSH key, so that a change shows to whoever holds the public one.

By `ssh-keygen -Y` of OpenSSH 8.2 and newer (format: PROTOCOL.sshsig in its sources), in the namespace `midwatch`. Who
the signers are stands in a list as `ssh-keygen(1)` describes under ALLOWED SIGNERS: `ada namespaces="midwatch"
ssh-ed25519 AAAA…`.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.errors import BadInput, Failed, in_words
from midwatch.system.home import expanded, home
from midwatch.system.mounts import require_answer
from midwatch.system.trusted_files import read_regular

NAMESPACE = "midwatch"
KEY = "MIDWATCH_SIGNING_KEY"
"""Environment variable: the key to sign with, private or (when an agent holds the private one) public."""
SIGNERS = "MIDWATCH_SIGNERS"
"""Environment variable: the list of those whose signatures count."""
_LIMIT_BYTES = 256 << 20
_LIMIT = 20.0
"""Seconds for one call; a key on a token may want a touch."""
_USUAL = ("id_ed25519", "id_ecdsa", "id_ed25519_sk", "id_ecdsa_sk", "id_rsa")


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed."""

    name: str
    """As the list of signers calls them; empty when the key is on no list."""
    key: str
    """Kind and fingerprint of the key: `ED25519 key SHA256:…`."""


def signature_of(path: Path) -> Path:
    """Where the signature of a file stands."""
    return path.with_name(f"{path.name}.sig")


def usual_key() -> Path | None:
    """The operator's key: `MIDWATCH_SIGNING_KEY`, else the first of the usual ones in `~/.ssh`; None when there is
    none."""
    if named := os.environ.get(KEY):
        return expanded(named)
    folder = home() / ".ssh"
    require_answer(folder)
    return next(
        (folder / name for name in _USUAL if (folder / name).is_file() or (folder / f"{name}.pub").is_file()), None
    )


def usual_signers() -> Path | None:
    """The list of signers: `MIDWATCH_SIGNERS`, else `~/.ssh/allowed_signers`; None when there is none."""
    named = os.environ.get(SIGNERS)
    path = expanded(named) if named else home() / ".ssh" / "allowed_signers"
    require_answer(path)
    return path if named or path.is_file() else None


def sign(data: bytes, key: Path) -> str:
    """The signature of these bytes, as text. Never asks for a passphrase: a key that has one needs an agent that holds
    it.

    Raises `Failed` with the reason.
    """
    require_answer(key)
    ways = [key] if key.suffix == ".pub" else [key, key.with_name(f"{key.name}.pub")]
    reason = "it is not a regular file" if key.exists() else "there is no such file"
    for way in ways:
        if not way.is_file():
            continue
        done = _run(["-Y", "sign", "-f", str(way), "-n", NAMESPACE], data)
        if done.returncode == 0:
            return done.stdout.decode("ascii", "replace")
        reason = _last(done.stderr)
    raise Failed(
        f"The key {key} cannot sign: {reason}",
        hint="If it has a passphrase, ssh-add it; or name another with --key, or --no-sign",
    )


def signer_of(path: Path, signers: Path | None) -> Signer:
    """Who signed this file. Raises `BadInput` when there is no signature, and `Failed` when it is not of these
    bytes."""
    signature, data = signature_of(path), _read(path)
    if signers is not None:
        require_answer(signers)
    if not signature.is_file():
        raise BadInput(
            f"{path} is not signed: there is no {signature.name} beside it", hint="midwatch export signs with --key"
        )
    done = _run(["-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(signature)], data)
    if done.returncode != 0:
        raise Failed(
            f"{path} is not what was signed: {_last(done.stderr + done.stdout)}",
            hint="It was changed, or the signature was",
        )
    found = re.search(r"with (\S+ key \S+)", done.stdout.decode("utf-8", "replace"))
    key = found[1] if found else "a key that ssh-keygen does not name"
    return Signer(_name(data, signature, signers) if signers else "", key)


def _name(data: bytes, signature: Path, signers: Path) -> str:
    """Who on the list has this key, and may use it for this; empty when nobody."""
    _read(signers)
    asked = _run(["-Y", "find-principals", "-s", str(signature), "-f", str(signers)], b"")
    for name in asked.stdout.decode("utf-8", "replace").split():
        words = ["-Y", "verify", "-f", str(signers), "-I", name, "-n", NAMESPACE, "-s", str(signature)]
        if _run(words, data).returncode == 0:
            return name
    return ""


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, limit_bytes=_LIMIT_BYTES)
    except (OSError, Failed) as error:
        raise BadInput(f"{path} cannot be read: {in_words(error)}") from error


def _run(words: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *words],
            input=data,
            capture_output=True,
            timeout=_LIMIT,
            check=False,
            start_new_session=True,  # no terminal: it fails where it would ask
            env={**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
        )
    except (FileNotFoundError, PermissionError):  # or in a folder of the PATH that may not be entered
        raise Failed("There is no ssh-keygen here", hint="Install the OpenSSH client, or use --no-sign") from None
    except subprocess.TimeoutExpired:
        raise Failed(
            f"ssh-keygen did not end within {_LIMIT:.0f} s", hint="Does the key want a touch? Or use --no-sign"
        ) from None


def _last(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it said nothing"
