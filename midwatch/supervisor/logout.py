"""Whether a logout would end running steps: systemd-logind can be told to kill all that a login started."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

_ASK = (
    "busctl",
    "get-property",
    "org.freedesktop.login1",
    "/org/freedesktop/login1",
    "org.freedesktop.login1.Manager",
    "KillUserProcesses",
)


def logout_kills(root: Path = Path("/"), ask: Callable[[], str] | None = None) -> str:
    """A sentence to warn with when a step would not outlive this login; empty when it would. Takes 2 s at most.

    It would end when we run in a session's scope, logind has `KillUserProcesses=yes`, and the user does not linger.
    """
    try:
        group = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    if "/session-" not in group or os.getuid() == 0:  # root's sessions are spared by logind's default
        return ""
    user = getpass.getuser()
    if (root / "var/lib/systemd/linger" / user).exists() or "true" not in (ask or _ask_logind)():
        return ""
    return (
        f"A logout ends running steps here (logind: KillUserProcesses=yes). "
        f"Run 'loginctl enable-linger {user}', or start with 'systemd-run --user --scope midwatch'."
    )


def _ask_logind() -> str:
    try:
        return subprocess.run(_ASK, capture_output=True, text=True, timeout=2, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
