"""Detects whether a logout would end running steps, and prevents that.

systemd-logind can be told to end all that a login started (`KillUserProcesses=yes`). A step then has to belong to the
user's own manager and not to the login, and that manager has to stay after the last logout, which is what lingering
means.
"""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ASK = (
    "busctl",
    "get-property",
    "org.freedesktop.login1",
    "/org/freedesktop/login1",
    "org.freedesktop.login1.Manager",
    "KillUserProcesses",
)
_FOLDERS = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd")
"""Where logind looks for its settings; what stands further left wins."""
_TRUE = frozenset({"1", "yes", "y", "true", "t", "on"})
_HAND_OVER = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")


@dataclass(frozen=True, slots=True)
class System:
    """Where to look and whom to ask; tests have their own."""

    root: Path = Path("/")
    user: str = ""
    """Who would log out; empty for whoever we are."""

    def logind(self) -> str:
        """Asked where its files do not tell: what holds then was decided when systemd was built."""
        return _asked()

    def manager(self) -> tuple[str, ...]:
        """Words before a command that give it to the user's own manager; none where that does not work."""
        return _tried()


def logout_kills(system: System | None = None) -> str:
    """A sentence to warn with when a step would not outlive the logout; empty when it would. Takes some seconds at
    most."""
    system = system or System()
    user = system.user or _me()
    with_the_login = _ends_with_the_login(system)
    if not with_the_login and not _of_the_manager(system):
        return ""
    if not (system.root / "var/lib/systemd/linger" / user).exists():
        return f"A logout ends running steps here. Run: loginctl enable-linger {user}"
    if with_the_login and not system.manager():
        return "A logout ends running steps here, and systemd-run --user does not work. Stay logged in"
    return ""


def hand_over() -> tuple[str, ...]:
    """Words before a command that give it to the user's own manager; none where no login would end it, or they do not
    work."""
    return _tried() if _ends_with_the_login(System()) else ()


@functools.cache
def _asked() -> str:
    try:
        return subprocess.run(_ASK, capture_output=True, text=True, timeout=2, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


@functools.cache
def _tried() -> tuple[str, ...]:
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    words = ("env", f"XDG_RUNTIME_DIR={runtime}", *_HAND_OVER)
    try:
        tried = subprocess.run([*words, "true"], capture_output=True, stdin=subprocess.DEVNULL, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return () if tried.returncode else words


def _me() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _of_the_manager(system: System) -> bool:
    """Whether we belong to the user's manager, which ends with the last logout of one who does not linger."""
    return "/user@" in _groups(system.root)


def _ends_with_the_login(system: System) -> bool:
    if "/session-" not in _groups(system.root) or _of_the_manager(system):
        return False
    user, settings = system.user or _me(), dict(_settings(system.root))
    spared = settings.get("KillExcludeUsers", "").split() or ["root"]
    if user in spared:
        return False
    if only := settings.get("KillOnlyUsers", "").split():
        return user in only
    if "KillUserProcesses" in settings:
        return settings["KillUserProcesses"].lower() in _TRUE
    return "true" in system.logind()


def _groups(root: Path) -> str:
    try:
        return (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _settings(root: Path) -> Iterator[tuple[str, str]]:
    """What logind's files set, the last one of a name counting; lists of users grow, and an empty one begins anew."""
    lists: dict[str, str] = {}
    for file in _files(root):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, equals, value = (part.strip() for part in line.partition("="))
            if not equals or name.startswith(("#", ";")):
                continue
            if name in ("KillOnlyUsers", "KillExcludeUsers"):
                lists[name] = f"{lists.get(name, '')} {value}" if value else ""
                value = lists[name]
            yield name, value


def _files(root: Path) -> Iterator[Path]:
    """The file of settings, then the additions by their names; one hides those of the same name further right."""
    yield from [file for folder in _FOLDERS if (file := root / folder / "logind.conf").is_file()][:1]
    additions: dict[str, Path] = {}
    for folder in reversed(_FOLDERS):
        additions |= {file.name: file for file in (root / folder / "logind.conf.d").glob("*.conf")}
    yield from (additions[name] for name in sorted(additions))
