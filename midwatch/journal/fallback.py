"""Opens the fallback files of a journal, but only files that a writer of this journal must have made.

Whoever may read the journal can read the names of these files, and they lie in folders such as `/var/tmp`. So a file
counts only when its owner is the user that the journal names with it, when it is a regular file with one name, and when
nobody else can write to it or put another file in its place (docs/journal.md).
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from midwatch.incident.permissions import held_folder
from midwatch.journal.fallback_locations import Named
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.mounts import require_answer


@dataclass(frozen=True, slots=True)
class Home:
    """The permissions of the journal's own file."""

    owner: int
    group: int
    group_writes: bool

    @classmethod
    def of(cls, descriptor: int) -> Home:
        """Return the owner, the group and the group's right to write of an open file."""
        status = os.fstat(descriptor)
        return cls(status.st_uid, status.st_gid, bool(status.st_mode & stat.S_IWGRP))

    def accepts(self, status: os.stat_result) -> bool:
        """Whether the group may write here as well: the one that may write the journal."""
        if status.st_mode & stat.S_IWOTH:
            return False
        return not status.st_mode & stat.S_IWGRP or (self.group_writes and status.st_gid == self.group)


def open_fallback(named: Named, home: Home) -> int:
    """A descriptor for reading such a file. Raises `OSError`, also for one that somebody else could have made."""
    try:
        require_answer(named.path)
    except OutcomeUnknown as error:
        raise OSError(errno.EHOSTDOWN, error.sentence, str(named.path)) from error
    owner = home.owner if named.owner is None else named.owner
    with held_folder(named.path.parent) as folder:
        around = os.fstat(folder)
        if around.st_uid not in (owner, 0, os.geteuid()) or not (home.accepts(around) or around.st_mode & stat.S_ISVTX):
            raise OSError(errno.EPERM, "others can put a file in its place", str(named.path))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(named.path.name, flags, dir_fd=folder)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_uid != owner or not home.accepts(status):
        os.close(descriptor)
        raise OSError(errno.EPERM, "it was not made by a writer of this journal", str(named.path))
    return descriptor
