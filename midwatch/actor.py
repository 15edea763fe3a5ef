"""Who acts: the person behind the terminal, by the operating system's word, not by an environment variable."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path


def current_actor() -> str:
    """`ada@bastion`: the login that owns the session, also under sudo; the uid's own name where there is no login."""
    return f"{_login()}@{socket.gethostname().partition('.')[0]}"


def _login() -> str:
    try:
        uid = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        uid = 2**32 - 1
    if uid == 2**32 - 1:  # not set: no PAM session, such as in a container or under cron
        uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
