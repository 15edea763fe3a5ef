"""Runs commands as another user by `sudo -n`, which never asks for a password."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterable

LIMIT_S = 10.0
"""Seconds that `sudo` may take to answer."""
_ENTER = 'cd -- "$1"'
_SIGNAL = 'number=$1; shift; kill -s "$number" "$@"; kill -s CONT "$@"'
_REMEMBERED_S = 10.0
"""Seconds for which a user and folder that `sudo` has allowed are not asked for again: a loop has many items."""
_allowed: dict[tuple[int, str, str], float] = {}
_PASSWORD = "a password is required"  # noqa: S105  (what sudo says)


def is_other_user(user: str) -> bool:
    """Whether a script that runs as this user takes `sudo`; the empty name is the present user's."""
    try:
        return bool(user) and pwd.getpwnam(user).pw_uid != os.geteuid()
    except KeyError:
        return True


def sudo_words(user: str, command: str, *arguments: str) -> tuple[str, ...]:
    """The words that let a shell of this user run a command; it finds its arguments from `$1` on."""
    return ("sudo", "-n", "-u", user, "--", "/bin/sh", "-c", command, "midwatch", *arguments)


def obstacle(user: str, folder: str) -> str:
    """Why nothing can run as this user in this folder, as a sentence without its full stop; empty when it can."""
    key, now = (os.geteuid(), user, folder), time.monotonic()
    if now - _allowed.get(key, -_REMEMBERED_S) < _REMEMBERED_S:
        return ""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return f"It runs as {user}, and this machine has no such user"
    try:
        tried = _run(sudo_words(user, _ENTER, folder))
    except OSError as error:
        return f"It runs as {user}, and sudo cannot be started: {(error.strerror or str(error)).lower()}"
    except subprocess.TimeoutExpired:
        return f"It runs as {user}, and sudo does not answer within {LIMIT_S:.0f} s"
    if tried.returncode == 0:
        _allowed[key] = now
        return ""
    said = (tried.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit {tried.returncode}"])[0]
    if _PASSWORD in said:
        return f"It runs as {user}, and sudo asks for a password. Allow /bin/sh as {user} without one (NOPASSWD)"
    if "cd:" in said:
        return f"It runs as {user}, who cannot enter the folder {folder}. Give the step a 'cwd' that {user} can enter"
    return f"It runs as {user}, and sudo refuses: {said.removeprefix('sudo: ')}"


def signal_as(user: str, pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes of this user, and wake those that are stopped. Never raises."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        _run(sudo_words(user, _SIGNAL, number.name.removeprefix("SIG"), *map(str, pids)))


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
        cwd="/",
        start_new_session=True,
        timeout=LIMIT_S,
        check=False,
    )
