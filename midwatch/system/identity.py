"""The identity of a person, known from the operating system alone: never from environment variables or claims.

The kernel keeps the user that logged in beside the user that a process runs as (`loginuid`, set by pam_loginuid of sshd
and login); the login stays the same under sudo and su. A process that no login started has none: a cron job, a service,
a container. The kernel lets such a process write any login for itself, once. So a login is believed on its own only for
the user itself and for root, which could pretend to be anybody anyway.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from midwatch.system.subordinate_users import owner_of
from midwatch.system.trust import user_name

HOW_TO_LOG_IN = "Log in as yourself, by ssh or at a console with pam_loginuid, and do it there without su"
_NOBODY = 2**32 - 1
_SO_PEERPIDFD = 77
"""Linux 6.5: a descriptor of the very process that connected (socket(7)); Python names it from 3.14 on."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The person behind a process."""

    name: str
    """The login that owns the session, also under sudo; the user's own name where there is no login."""
    uid: int
    login: int | None
    """The uid that logged in (`loginuid`), which stays the same under sudo and su; None where nobody did, as in a
    container."""
    pid: int
    seen: bool = True
    """False when nobody can tell who it is: nobody logged in, the kernel does not show who did, or the user is a
    subordinate one, of whom one person has many."""

    @classmethod
    def of(cls, pid: int, uid: int) -> Self:
        """The person behind a process of this machine that runs as `uid`."""
        login, seen = _login(pid)
        is_a_user = uid != _overflow_uid() and owner_of(uid) == uid
        return cls(user_name(uid if login is None else login), uid, login, pid, seen and is_a_user)

    @classmethod
    def current(cls) -> Self:
        """Whoever runs this process."""
        return cls.of(os.getpid(), os.getuid())

    @classmethod
    def from_peer(cls, connection: socket.socket) -> Self:
        """Whoever is at the other end of a Unix socket, as the kernel knows it. Raises `OSError`."""
        pid, uid, _ = struct.unpack("iii", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        with _held(connection, pid, uid) as process:
            person = cls.of(pid, uid)
            if process is None or _has_ended(process):  # its number may have been another's when the login was read
                return cls(user_name(uid), uid, None, pid, seen=False)
        return person

    def may_be_same_as(self, other: Identity) -> bool:
        """Whether it may be the same person: the same user, or the same login behind different users."""
        return (
            self.uid == other.uid
            or (self.login is not None and self.login in (other.login, other.uid))
            or (other.login is not None and other.login == self.uid)
        )

    def is_surely(self, other: Identity) -> bool:
        """Whether it is the same person beyond doubt, who may do here what the other may. Nobody else than root can
        pretend."""
        if self.login is not None and other.login is not None:
            return self.login == other.login and (self.uid == other.uid or self.has_own_name)
        return self.uid == other.uid

    @property
    def anonymous(self) -> bool:
        """Whether nobody can tell who it is: without a login of its own, or with one that cannot be seen."""
        return not self.seen or (self.uid == 0 and self.login is None)

    @property
    def has_own_name(self) -> bool:
        """Whether the user itself or root vouches for the name; another user could have written that login for
        itself."""
        return self.login is None or self.uid in (0, self.login)

    @property
    def full_name(self) -> str:
        """The name, and the user that it acts as where another could have written the login."""
        return self.name if self.has_own_name else f"{self.name} (as {user_name(self.uid)})"

    def to_json(self) -> dict[str, Any]:
        """Return the identity as JSON types for the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises `KeyError` or `TypeError`."""
        name, uid, login, pid, seen = (data[key] for key in cls.__slots__)
        numbers = type(uid) is int and type(pid) is int and (login is None or type(login) is int)
        if not (numbers and isinstance(name, str) and isinstance(seen, bool)):
            raise TypeError("a person has a name, three numbers and whether it is seen")
        return cls(name, uid, login, pid, seen)


def _login(pid: int) -> tuple[int | None, bool]:
    """The login of a process, and whether it is known. Where the kernel keeps none at all, a user is taken by its
    uid."""
    kept = Path("/proc/self/loginuid").exists()
    try:
        uid = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None, not kept
    except (OSError, ValueError):
        return None, False
    return (None, False) if uid == _NOBODY else (uid, True)


@contextlib.contextmanager
def _held(connection: socket.socket, pid: int, uid: int) -> Iterator[int | None]:
    """A descriptor of the process that connected, so that its number means no other one; None when it is out of
    sight."""
    process = _process(connection, pid, uid)
    try:
        yield process
    finally:
        if process is not None:
            os.close(process)


def _process(connection: socket.socket, pid: int, uid: int) -> int | None:
    if pid <= 0:  # it runs in another namespace of processes, which this one cannot look into
        return None
    try:
        return connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL):
            return None
    try:  # an older kernel: at least it is a process of the same user
        process = os.pidfd_open(pid)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}").stat().st_uid == uid:
            return process
    os.close(process)
    return None


def _has_ended(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(0))


def _overflow_uid() -> int:
    """The uid that stands for every user that this namespace does not know, who may be anybody."""
    try:
        return int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 65534
