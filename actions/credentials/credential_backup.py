"""Private backups of replaced credentials, for an exact undo. They are as secret as a password."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from actions.credentials.pgpass import Former
from midwatch.system.errors import Failed, Refused, in_words
from midwatch.system.file_locks import locked_file
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import atomic_write, make_folders, read_trusted

_LIMIT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class CredentialBackup:
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
            _make_folder(folder)
            atomic_write(
                path, (json.dumps(fields) + "\n").encode(), mode=0o600, trust=_trust()
            )  # ASCII: any bytes come through
        except (OSError, UntrustedFile) as error:
            hint = (
                "The password was not touched; set locations.credential_backups to a folder of your own on a "
                "disk with room"
            )
            raise Refused(f"The former verifier cannot be kept in {folder}: {in_words(error)}", hint=hint) from error
        return path

    def _name(self) -> str:
        plain = "".join(char if char.isalnum() or char in "-_" else "_" for char in f"{self.target}.{self.role}"[:100])
        return f"{plain}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.sealed"


def read_credential_backup(path: Path) -> CredentialBackup:
    """What was kept in this file. Raises `Refused` when it is not such a file, or when others could have written it."""
    try:
        data = json.loads(read_trusted(path, _trust().secret(), limit_bytes=_LIMIT_BYTES))
        lines = [(int(place), str(line)) for place, line in data["pgpass"]]
        verifier = data["verifier"]
        if not isinstance(verifier, str | None):
            raise TypeError
        return CredentialBackup(str(data["target"]), str(data["role"]), verifier, lines)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}", hint="Is that location where it was?") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(f"{path} is not what a recovery keeps", hint="Name a file below that location") from None


def newest_credential_backup(folder: Path, target: str, role: str) -> Path | None:
    """The newest file here that holds a former verifier of this role; None when there is none."""
    for path in sorted(folder.glob("*.sealed"), key=_age, reverse=True):
        try:
            found = read_credential_backup(path)
        except (Refused, Failed):
            continue
        if (found.target, found.role) == (target, role) and found.verifier is not None:
            return path
    return None


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While it is held, nobody else changes a password or `.pgpass` this way. Raises `Refused` when somebody does."""
    running = Refused("Another recovery of a password is running here", hint="Wait for its end")
    with contextlib.ExitStack() as stack:
        try:
            _make_folder(folder)
            stack.enter_context(locked_file(folder / "lock", _trust(), otherwise=running))
        except (OSError, UntrustedFile) as error:
            hint = "The password was not touched; set locations.credential_backups elsewhere"
            raise Refused(f"{folder} cannot be used: {in_words(error)}", hint=hint) from error
        yield


def _trust() -> Trust:
    """What others put there would be set as a password. A group may share the folder, never the files in it."""
    return Trust.own().shared()


def _make_folder(folder: Path) -> None:
    make_folders(folder, mode=0o700, trust=_trust())


def _age(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0
