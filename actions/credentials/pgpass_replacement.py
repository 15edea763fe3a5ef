"""A new `.pgpass` beside the old one, with one login's lines replaced."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from actions.credentials.pgpass import UNFINISHED, Former, Login, escape, unfinished, without
from midwatch.system.errors import Failed, Refused
from midwatch.system.trust import user_name


class Replacement:
    """The file with one login's lines replaced, already on disk beside it; `publish` makes it the file, `discard`
    forgets it.

    It is made before the server learns the password, so that nothing can be lost between the two.
    """

    def __init__(self, path: Path, lines: Sequence[str], former: Former = ()) -> None:
        """Write it. Raises `Refused` when it cannot be: then nothing else may be changed either."""
        self.path = Path(os.path.realpath(path))  # a link stays a link
        self.former = former
        """The lines that it takes out."""
        self._partial = ""
        try:
            descriptor, self._partial = tempfile.mkstemp(prefix=UNFINISHED, dir=self.path.parent)  # 0600
            with os.fdopen(descriptor, "wb") as file:
                file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
                file.flush()
                os.fsync(file.fileno())
            self._keep_owner()
        except Refused:
            self.discard()
            raise
        except OSError as error:
            self.discard()
            hint = f"Make room or rights in {self.path.parent} first; the server's password was not touched"
            raise Refused(f"{self.path} cannot be written: {error.strerror}", hint=hint) from error

    def _keep_owner(self) -> None:
        """Give the new file the owner of the former one. Raises `Refused` when somebody could have put that there."""
        with contextlib.suppress(FileNotFoundError):
            owner, folder = self.path.lstat(), self.path.parent.stat()
            if owner.st_uid not in (0, os.geteuid(), folder.st_uid):
                sentence = f"{self.path} belongs to {user_name(owner.st_uid)}, who does not own its folder"
                raise Refused(sentence, hint="Remove it, or name another file as the place pgpass")
            os.chown(self._partial, owner.st_uid, owner.st_gid)

    @classmethod
    def with_password(cls, path: Path, login: Login, password: str) -> Self:
        """This login's line first, since the first match wins. A password belongs to the role in all its databases."""
        others, former = without(path, login)
        line = ":".join(escape(part) for part in (login.host, str(login.port))) + ":*:"
        return cls(path, [line + ":".join(escape(part) for part in (login.user, password)), *others], former)

    @classmethod
    def with_former(cls, path: Path, login: Login, lines: Former) -> Self:
        """This login's lines as they were, each at its place; every other line as it is now."""
        others, former = without(path, login)
        for place, line in sorted(lines):
            others.insert(place, line)
        return cls(path, others, former)

    def publish(self) -> None:
        """Make it the file, in one move, and clear away what earlier runs left. Raises `Failed` naming where it
        lies."""
        try:
            Path(self._partial).replace(self.path)
        except OSError as error:
            hint = f"The new text lies in {self._partial}: move it there manually"
            self._partial = ""  # it holds the only copy of the password
            raise Failed(f"{self.path} cannot be replaced: {error.strerror}", hint=hint) from error
        self._partial = ""
        for left in unfinished(self.path):
            with contextlib.suppress(OSError):
                left.unlink()

    def leave(self) -> None:
        """Let it lie beside the file, where the next run finds it: the server may know its password, or not."""
        self._partial = ""

    def discard(self) -> None:
        """Leave the file as it was. Harmless after `publish`."""
        if self._partial:
            with contextlib.suppress(OSError):
                Path(self._partial).unlink()
            self._partial = ""
