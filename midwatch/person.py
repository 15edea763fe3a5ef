"""Who a person is, by the operating system's word alone: never by an environment variable, nor by what they say."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

_NOBODY = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Person:
    """The person behind a process."""

    name: str
    """The login that owns the session, also under sudo; the user's own name where there is no login."""
    uid: int
    login: int | None
    """The uid that logged in (`loginuid`), which stays the same under sudo and su; None where nobody did, as in a container."""
    pid: int
    seen: bool = True
    """False when the kernel does not let us see who logged in, so that somebody else may be behind it."""

    @classmethod
    def of(cls, pid: int, uid: int) -> Self:
        """The person behind a process of this machine that runs as `uid`."""
        login, seen = _login(pid)
        return cls(_name(uid if login is None else login), uid, login, pid, seen)

    @classmethod
    def me(cls) -> Self:
        """Whoever runs this process."""
        return cls.of(os.getpid(), os.getuid())

    @classmethod
    def behind(cls, connection: socket.socket) -> Self:
        """Whoever is at the other end of a Unix socket, as the kernel knows it. Raises `OSError`."""
        pid, uid, _ = struct.unpack("iii", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return cls.of(pid, uid)

    def is_same(self, other: Person) -> bool:
        """Whether it may be the same person: the same user, or the same login behind different users."""
        return (
            self.uid == other.uid
            or (self.login is not None and self.login in (other.login, other.uid))
            or (other.login is not None and other.login == self.uid)
        )

    @property
    def anonymous(self) -> bool:
        """Whether nobody can tell who it is: root without a login of its own, or one that cannot be seen."""
        return not self.seen or (self.uid == 0 and self.login is None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises `KeyError` or `TypeError`."""
        return cls(**{name: data[name] for name in cls.__slots__})


def _login(pid: int) -> tuple[int | None, bool]:
    try:
        uid = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None, not Path("/proc/self/loginuid").exists()  # a kernel without audit has none at all
    except (OSError, ValueError):
        return None, False
    return (None if uid == _NOBODY else uid), True


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
