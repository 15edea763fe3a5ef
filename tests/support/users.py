"""Real second users: a function runs in a child process as another user id, as an attack or as a colleague would."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

MALLORY, ALICE, BOB = 64001, 64002, 64003
"""User ids that no account of the machine has. Mallory is the attacker."""
CROWD = 64004
"""A user id for one file of tests, which ends all processes of this user: never another test's."""
ONCALL = 64100
"""A group id that no account of the machine has."""

Result = TypeVar("Result")

needs_root = pytest.mark.root
"""The test becomes other users, which only root can. In CI such a test may not skip."""


_LOGIN = Path("/proc/self/loginuid")
NO_LOGIN = 2**32 - 1
"""What the kernel calls the login of a process that no login started."""


def log_in(uid: int) -> None:
    """Let the kernel know this process as a login of this user, as sshd does it; where the kernel keeps no logins,
    nothing."""
    if _LOGIN.exists():
        _LOGIN.write_text(str(uid), encoding="ascii")


def run_as(
    uid: int,
    function: Callable[[], Result],
    *,
    gid: int | None = None,
    groups: Sequence[int] = (),
    umask: int = 0o022,
    login: int | None = None,
) -> Result:
    """What the function returns when it runs in a child process as this user. An exception there is raised here as
    well.

    The user has logged in, or with `login` another one has, or nobody (`NO_LOGIN`).
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer: tuple[bool, Any]
        try:
            os.close(reading)
            if os.geteuid() == 0 or uid != os.geteuid():  # nobody needs rights to be who they are
                log_in(uid if login is None else login)
                os.setgroups(list(groups))
                os.setresgid(*[uid if gid is None else gid] * 3)
                os.setresuid(uid, uid, uid)
            os.umask(umask)
            answer = (True, function())
        except BaseException as error:
            answer = (False, (error, traceback.format_exc()))
        try:
            data = pickle.dumps(answer)
        except Exception:
            data = pickle.dumps((False, (RuntimeError(str(answer)), "")))
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(data)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    assert data, f"The child that ran as user {uid} ended without an answer: {os.waitstatus_to_exitcode(status)}"
    done, value = pickle.loads(data)
    if done:
        return value  # type: ignore[no-any-return]
    error, told = value
    error.add_note(told)
    raise error
