"""Who owns a subordinate user id: with user namespaces one person has thousands of them (`subuid(5)`)."""

from __future__ import annotations

import pwd
from functools import lru_cache
from pathlib import Path

from midwatch.system.trust import Trust
from midwatch.system.trusted_files import read_trusted

SUBORDINATE_USERS = Path("/etc/subuid")
_LIMIT_BYTES = 1024 * 1024


def owner_of(uid: int) -> int:
    """The user whose subordinate id this is; `uid` itself when it is nobody's, or that of an account all the same."""
    try:
        status = SUBORDINATE_USERS.stat()
    except OSError:
        return uid
    for owner, first, count in _ranges(SUBORDINATE_USERS, status.st_mtime_ns, status.st_size):
        if first <= uid < first + count:
            return uid if _has_account(uid) else owner
    return uid


def _has_account(uid: int) -> bool:
    """Accounts of a directory service may have ids in a range that this machine gave away."""
    try:
        return pwd.getpwuid(uid).pw_uid == uid
    except KeyError:
        return False


@lru_cache(maxsize=1)
def _ranges(path: Path, _changed_ns: int, _size: int) -> tuple[tuple[int, int, int], ...]:
    """Owner, first id and number of ids of each line that can be read; read again when the file has changed."""
    try:
        lines = read_trusted(path, Trust.of(0), limit_bytes=_LIMIT_BYTES).decode("utf-8", "replace").splitlines()
    except Exception:  # this file only narrows what somebody may do, and is no reason to keep everybody out
        return ()
    return tuple(found for line in lines if (found := _range(line)) is not None)


def _range(line: str) -> tuple[int, int, int] | None:
    owner, _, rest = line.strip().partition(":")
    first, _, count = rest.partition(":")
    try:
        return int(owner) if owner.isdecimal() else pwd.getpwnam(owner).pw_uid, int(first), int(count)
    except (KeyError, ValueError):
        return None
