"""The bastion's `.pgpass`: read as libpq reads it, and one line of it replaced without touching the others.

Format: PostgreSQL documentation, "The Password File". `host:port:database:user:password`, first match wins, `*` matches
anything, `:` and `\\` are escaped with `\\`, and libpq passes over a file that others may read.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.errors import Failed, Refused

_FIELD = re.compile(r"(?:\\.|[^:\\])*")


@dataclass(frozen=True, slots=True)
class Login:
    """What a line of the file has to match."""

    host: str
    port: int
    database: str
    user: str

    def matches(self, fields: list[str]) -> bool:
        wanted = (self.host, str(self.port), self.database, self.user)
        return all(field in ("*", want) for field, want in zip(fields[:4], wanted, strict=True))


def fields_of(line: str) -> list[str] | None:
    """The five fields, unescaped; None for a comment, an empty line, or one that libpq would pass over."""
    if not line.strip() or line.startswith("#"):
        return None
    found, rest = [], line
    for _ in range(4):
        match = _FIELD.match(rest)
        assert match is not None
        if match.end() >= len(rest) or rest[match.end()] != ":":
            return None
        found.append(_unescape(match[0]))
        rest = rest[match.end() + 1 :]
    return [*found, _unescape(rest)]


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def escape(text: str) -> str:
    """A field as it stands in the file."""
    return text.replace("\\", "\\\\").replace(":", "\\:")


def passwords(path: Path, login: Login) -> Iterator[str]:
    """Every password that a matching line holds, the one that libpq takes first. A file that is not there holds none."""
    for line in _lines(path):
        fields = fields_of(line)
        if fields and login.matches(fields):
            yield fields[4]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", hint="Its owner must be you, its mode 0600") from error


class Replacement:
    """The file with one password replaced, already on disk beside it; `publish` makes it the file, `discard` forgets it.

    It is made before the server learns the password, so that nothing can be lost between the two.
    """

    def __init__(self, path: Path, login: Login, password: str) -> None:
        """Write it. Raises `Refused` when it cannot be: then nothing else may be changed either."""
        self.path = path.resolve()  # a link stays a link
        # A password belongs to the role in all its databases. Ours comes first, and the first match wins; lines that match
        # by a `*` for host, port or user serve other logins too and stay.
        lines = [":".join(escape(part) for part in (login.host, str(login.port), "*", login.user, password))]
        for line in _lines(path):
            fields = fields_of(line)
            if fields is None or (fields[0], fields[1], fields[3]) != (login.host, str(login.port), login.user):
                lines.append(line)
        text = "\n".join(lines) + "\n"
        self._partial = ""
        try:
            descriptor, self._partial = tempfile.mkstemp(prefix=".pgpass.", dir=self.path.parent)  # 0600
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if self.path.exists():
                owner = self.path.stat()
                os.chown(self._partial, owner.st_uid, owner.st_gid)
        except OSError as error:
            self.discard()
            hint = f"Make room or rights in {self.path.parent} first; the server's password was not touched"
            raise Refused(f"{self.path} cannot be written: {error.strerror}", hint=hint) from error

    def publish(self) -> None:
        """Make it the file, in one move. Raises `Failed` naming where the new text lies."""
        try:
            Path(self._partial).replace(self.path)
        except OSError as error:
            hint = f"The new text lies in {self._partial}: move it there by hand"
            raise Failed(f"{self.path} cannot be replaced: {error.strerror}", hint=hint) from error
        self._partial = ""

    def discard(self) -> None:
        """Leave the file as it was. Harmless after `publish`."""
        if self._partial:
            with contextlib.suppress(OSError):
                Path(self._partial).unlink()
            self._partial = ""


def readable_by_others(path: Path) -> bool:
    """Whether libpq will pass over the file because its mode is wider than 0600."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except OSError:
        return False
