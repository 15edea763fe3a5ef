"""What a recovery replaced, kept where only we can read it, so that an undo restores it exactly. As secret as a password."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from actions.pgpass import Former
from midwatch.errors import Refused


@dataclass(frozen=True, slots=True)
class Sealed:
    """The former state of one role's password."""

    target: str
    role: str
    verifier: str | None
    """As the server kept it, empty for a role without a password; None when the server was not touched."""
    lines: Former
    """Its lines of `.pgpass`, each with its place."""

    def __repr__(self) -> str:
        return f"Sealed({self.target}, {self.role})"

    def keep(self, folder: Path) -> Path:
        """Write it below `folder` (0700), a file of its own (0600), on disk when this returns. Raises `Refused`."""
        path = folder / self._name()
        fields = {"target": self.target, "role": self.role, "verifier": self.verifier, "pgpass": list(self.lines)}
        try:
            _folder(folder)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write((json.dumps(fields) + "\n").encode())  # ASCII: bytes that are no UTF-8 come through
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            hint = "The password was not touched; set places.sealed to a disk with room"
            raise Refused(f"The former verifier cannot be kept in {folder}: {error.strerror}", hint=hint) from error
        return path

    def _name(self) -> str:
        plain = "".join(char if char.isalnum() or char in "-_" else "_" for char in f"{self.target}.{self.role}"[:100])
        return f"{plain}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.sealed"


def read_sealed(path: Path) -> Sealed:
    """What was kept in this file. Raises `Refused` when it is not such a file, or when others could have written it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid not in (0, os.geteuid()):
                raise Refused(f"{path} is not kept so that only you can write it", hint="Its owner must be you, its mode 0600")
            data = json.loads(file.read(1_000_000))
        lines = [(int(place), str(line)) for place, line in data["pgpass"]]
        verifier = data["verifier"]
        if not isinstance(verifier, str | None):
            raise TypeError
        return Sealed(str(data["target"]), str(data["role"]), verifier, lines)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}", hint="Is places.sealed where it was?") from error
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{path} is not what a recovery keeps", hint="Name a file below places.sealed") from None


def newest_sealed(folder: Path, target: str, role: str) -> Path | None:
    """The newest file here that holds a former verifier of this role; None when there is none."""
    for path in sorted(folder.glob("*.sealed"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            found = read_sealed(path)
        except Refused:
            continue
        if (found.target, found.role) == (target, role) and found.verifier is not None:
            return path
    return None


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While it is held, nobody else changes a password or `.pgpass` this way. Raises `Refused` when somebody does."""
    try:
        _folder(folder)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be used: {error.strerror}", hint="The password was not touched; set places.sealed elsewhere"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused("Another recovery of a password is under way here", hint="Wait for its end") from None
        yield
    finally:
        os.close(descriptor)


def _folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
