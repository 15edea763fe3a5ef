"""The page for whoever helps: what runs where, how full and how reachable it is, and what was logged last.

Each section is read within a limit of time, in a thread that is left behind when it hangs, so the page is printed on a
broken machine too. The whole page is masked before a byte of it is printed.
"""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from midwatch import __version__
from midwatch.control.lease import LockSnapshot
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import open_file
from midwatch.redaction import mask
from midwatch.system.errors import MidwatchError
from midwatch.system.mounts import read_mounts, require_answer
from midwatch.system.sanitize import safe_text
from midwatch.system.units import duration, percent, size
from probes.storage.disk_usage import usage
from probes.storage.host_load import host_facts
from probes.storage.timeout import within

Section = Iterator[tuple[str, str]]
SECTION_LIMIT_S = 8.0
_MOUNT_LIMIT_S = 3.0
_CLIENT_LIMIT_S = 1.5
_LOG_LIMIT_BYTES = 16_384
_LOG_LINES = 40
_LIBRARIES = (
    "textual", "markdown-it-py", "psycopg", "docker", "psutil", "pyyaml", "isal", "ahocorasick_rs", "platformdirs",
    "boto3", "pyrage",
)  # fmt: skip
_CLIENTS = {
    "psql": ["psql", "--version"],
    "pg_dump": ["pg_dump", "--version"],
    "docker": ["docker", "version", "--format", "client {{.Client.Version}}, engine {{.Server.Version}}"],
    "ssh": ["ssh", "-V"],
}
_TERMINAL_VARIABLES = ("TERM", "COLORTERM", "TERM_PROGRAM", "LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR", "TMUX", "STY")


def report(
    places: Mapping[str, Path],
    folder: IncidentFolder | None,
    secrets: Mapping[str, str],
    trouble: Mapping[str, str],
) -> dict[str, dict[str, str]]:
    """Section → label → text, all masked. `places`: the folders whose disks matter; `trouble`: what could not be
    read."""
    sections: dict[str, Callable[[], Section]] = {
        "versions": _versions,
        "clients": _clients,
        "terminal": _terminal,
        "machine": _machine,
        "processes": _processes,
    }
    sections |= {f"disk of {name}": _Disk(path).read for name, path in places.items()}
    if folder is not None:
        sections |= {
            "driver": lambda: _driver(folder),
            "journal": lambda: _journal(folder),
            "debug log": lambda: _debug_log(folder),
        }
    if trouble:
        sections["trouble"] = lambda: iter(trouble.items())
    return _masked(sections, secrets)


def environment(secrets: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The versions and the machine of now, masked."""
    return _masked({"versions": _versions, "machine": _machine}, secrets)


def _masked(sections: Mapping[str, Callable[[], Section]], secrets: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        name: {
            safe_text(mask(label, secrets)): safe_text(mask(text, secrets))
            for label, text in _read(name, section).items()
        }
        for name, section in sections.items()
    }


def _read(name: str, section: Callable[[], Section]) -> dict[str, str]:
    try:
        return within(SECTION_LIMIT_S, name, lambda: dict(section()))
    except MidwatchError as error:
        return {"not known": str(error)}
    except Exception as error:  # whatever is broken there, the other sections are worth having
        return {"not known": f"{type(error).__name__}: {error}"}


def _versions() -> Section:
    yield "midwatch", __version__
    yield "python", f"{platform.python_version()} ({platform.python_implementation()}) at {sys.executable}"
    for name in _LIBRARIES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "not installed"


def _clients() -> Section:
    for name, command in _CLIENTS.items():
        yield name, _said(command)


def _said(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_CLIENT_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_CLIENT_LIMIT_S:g} s"
    except OSError as error:
        return f"cannot be run: {error.strerror}"
    return " / ".join(done.stdout.decode("utf-8", "replace").split("\n")[:3]).strip(" /")


def _terminal() -> Section:
    for name in _TERMINAL_VARIABLES:
        if name in os.environ:
            yield name, os.environ[name]
    yield "encoding", locale.getencoding()
    columns, lines = shutil.get_terminal_size()
    yield "size", f"{columns} × {lines}"
    yield (
        "is a terminal",
        ", ".join(
            f"{name} {'yes' if os.isatty(number) else 'no'}"
            for number, name in enumerate(("stdin", "stdout", "stderr"))
        ),
    )


def _machine() -> Section:
    yield "kernel", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield "libc", " ".join(platform.libc_ver())
    yield "user", f"uid {os.geteuid()}, gid {os.getegid()}"
    yield from host_facts().items()


def _processes() -> Section:
    """Those of Midwatch that this user may see, without their arguments."""
    import psutil

    now = time.time()
    for process in psutil.process_iter(["pid", "cmdline", "status", "create_time"]):
        words = process.info["cmdline"] or []
        if any(word == "midwatch.supervisor" or Path(word).name == "midwatch" for word in words[:4]):
            kind = "midwatch"
            if "midwatch.supervisor" in words[:4]:
                kind = "supervisor" if "".join(words[4:]).startswith("/") else "fork server"
            yield str(process.pid), f"{kind}, {process.info['status']}, {duration(now - process.info['create_time'])}"


class _Disk:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Section:
        yield "path", str(self._path)
        mounts = read_mounts()
        near = max((point for point in mounts if self._path.is_relative_to(point)), default=None, key=_depth)
        if near is not None:
            yield "file system", str(mounts[near])
        disk = usage(self._path, limit=_MOUNT_LIMIT_S)
        yield "free", f"{size(disk.free)} of {size(disk.total)}"
        yield "inodes used", "not counted" if disk.inodes_percent is None else percent(disk.inodes_percent)
        yield "read only", "yes" if disk.read_only else "no"
        status = self._path.stat()
        yield "mode", f"{status.st_mode & 0o7777:04o}, uid {status.st_uid}, gid {status.st_gid}"


def _depth(path: Path) -> int:
    return len(path.parts)


def _driver(folder: IncidentFolder) -> Section:
    yield "incident", folder.id
    require_answer(folder.path, _MOUNT_LIMIT_S)
    snapshot = LockSnapshot.of(folder)
    driver = snapshot.driver if snapshot else None
    yield "lock", "missing or unreadable" if snapshot is None else str(driver or "names nobody")
    if driver is not None:
        yield "its process", "may be alive" if driver.may_drive else "has ended"
    yield "control socket", "there" if folder.control_socket.is_socket() else "missing"


def _journal(folder: IncidentFolder) -> Section:
    from midwatch.journal.verify import check

    require_answer(folder.path, _MOUNT_LIMIT_S)
    chain = check(folder.journal)
    yield "events", str(len(chain.events))
    yield "head", chain.verdict.head
    yield "problem", chain.verdict.problem or "none"
    for kind, count in sorted(Counter(str(event.kind) for event in chain.events).items()):
        yield kind, str(count)


def _debug_log(folder: IncidentFolder) -> Section:
    require_answer(folder.path, _MOUNT_LIMIT_S)
    try:
        descriptor = open_file(folder.debug_log, os.O_RDONLY)
    except FileNotFoundError:
        yield "lines", "none"
        return
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - _LOG_LIMIT_BYTES))
        lines = file.read(_LOG_LIMIT_BYTES).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines[-_LOG_LINES:], start=1):
        yield f"{number:02d}", line


def usual_places(base: Path, logs: Path, folder: IncidentFolder | None) -> dict[str, Path]:
    """The folders whose disks matter to Midwatch."""
    places = {"the runbook": base, "the logs": logs, "temporary files": Path(tempfile.gettempdir())}
    return places | ({"the incident": folder.path} if folder else {})
