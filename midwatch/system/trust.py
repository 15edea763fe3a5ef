"""Whose files and folders are accepted as instructions, and the checks of owner and mode."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from midwatch.system.errors import Refused

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UntrustedFile(Refused):
    """Another user could have made or could change the file, so the file was not read."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The users whose files are accepted. Root is always trusted, because root can change everything."""

    owners: frozenset[int]
    """User ids."""
    group_may_write: bool = False
    """Accept what the group of a file or folder may change. For records that a group shares, never for what is run."""
    private: bool = False
    """Refuse a file that anybody but its owner may read."""
    any_folder: bool = False
    """Accept folders of any owner and mode; links still have to be out of reach of everybody else."""

    @classmethod
    def own(cls) -> Self:
        """The user of this process, and root."""
        return cls(frozenset({os.geteuid(), 0}))

    @classmethod
    def of(cls, *uids: int) -> Self:
        """These users, and root."""
        return cls(frozenset({*uids, 0}))

    def shared(self) -> Self:
        """The same owners, where a group shares the folder."""
        return replace(self, group_may_write=True)

    def in_any_folder(self) -> Self:
        """The same owners, of links only: for what is shared with others, where the folders may be anybody's."""
        return replace(self, any_folder=True)

    def secret(self) -> Self:
        """The same owners, of files that nobody else may read."""
        return replace(self, private=True)


def user_name(uid: int) -> str:
    """The name of a user, for messages; `uid 1234` where the machine knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def require_trusted_folder(status: os.stat_result, path: Path, trust: Trust) -> None:
    """A folder of the path: its entries may be changed by nobody outside `trust`, or it is sticky (each keeps their
    own)."""
    if trust.any_folder:
        return
    require_owner(status, path, trust, "a folder on the way")
    allowed = stat.S_IWGRP if trust.group_may_write else 0
    if status.st_mode & OTHERS_WRITE & ~allowed and not status.st_mode & stat.S_ISVTX:
        raise UntrustedFile(
            f"{path} is not trusted: a folder on the way can be changed by other users",
            hint="Take the write permission of group and others away, or use another folder",
        )


def require_trusted_file(status: os.stat_result, path: Path, trust: Trust) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UntrustedFile(f"{path} is not a regular file", hint="Remove it; it was not made by Midwatch")
    require_owner(status, path, trust, "the file")
    if status.st_nlink > 1:
        raise UntrustedFile(f"{path} has {status.st_nlink} names (hard links), so it may be another user's choice")
    allowed = stat.S_IWGRP if trust.group_may_write else 0
    if status.st_mode & OTHERS_WRITE & ~allowed:
        raise UntrustedFile(f"{path} can be changed by other users", hint=f"chmod go-w {path}")
    if trust.private and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UntrustedFile(f"{path} can be read by other users", hint=f"chmod 600 {path}")


def require_owner(status: os.stat_result, path: Path, trust: Trust, what: str) -> None:
    if status.st_uid not in trust.owners:
        raise UntrustedFile(f"{path} is not trusted: {what} belongs to {user_name(status.st_uid)}")
