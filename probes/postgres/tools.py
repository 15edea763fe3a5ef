"""Finds `pg_dump` and related programs whose version is not older than the server."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.runbook.model import Runbook
from midwatch.system.errors import Refused

SYSTEM = Path("/usr/lib/postgresql")
"""Where Debian and its kin keep a folder for each major version."""
_LIMIT = 10.0
_FROM_HERE = "Publish its port, or set host and port of the target: then pg_dump from here is taken"


@dataclass(frozen=True, slots=True)
class Tools:
    """Client programs of one version in one folder."""

    folder: Path
    version: tuple[int, int]
    """Major and minor, such as (17, 2)."""

    @property
    def pg_dump(self) -> Path:
        """The path of `pg_dump`."""
        return self.folder / "pg_dump"

    @property
    def pg_dumpall(self) -> Path:
        """The path of `pg_dumpall`."""
        return self.folder / "pg_dumpall"

    @property
    def pg_restore(self) -> Path:
        """The path of `pg_restore`."""
        return self.folder / "pg_restore"

    def __str__(self) -> str:
        return f"pg_dump {self.version[0]}.{self.version[1]}"


def find_tools(runbook: Runbook, server_major: int = 0) -> Tools:
    """The first that is no older than the server: in `locations.pg_bin`, in PATH, then the system's own, newest first.

    Raises `Refused` that names what was found and what is needed.
    """
    seen = []
    for folder in program_folders(runbook):
        version = _version(folder / "pg_dump")
        if version is not None and (folder / "pg_restore").exists():
            if version[0] >= server_major:
                return Tools(folder, version)
            seen.append(f"{folder} has {version[0]}.{version[1]}")
    if seen:
        sentence = f"The server is PostgreSQL {server_major}, and every pg_dump here is older: {'; '.join(seen)}"
        raise Refused(sentence, hint=f"Install postgresql-client-{server_major}, or set locations.pg_bin")
    raise Refused("There is no pg_dump here", hint="Install the PostgreSQL client programs, or set locations.pg_bin")


def pg_dump_inside(container: str, server_major: int) -> str:
    """Name and version of the container's own `pg_dump`: `pg_dump 15.18`. Raises `Refused` when it cannot dump this
    server."""
    from probes.containers.client import engine
    from probes.containers.command import NoSuchCommand, run_in

    try:
        with engine() as client:
            said = run_in(client, container, "pg_dump", "--version")
    except NoSuchCommand as error:
        raise Refused(f"{error.sentence}, and only commands inside it reach the server", hint=_FROM_HERE) from error
    found = _told(said.out)
    if said.exit or found is None:
        told = (said.err or said.out).strip().splitlines()[-1:] or [f"exit {said.exit}"]
        raise Refused(f"pg_dump in the container {container} does not work: {told[0]}", hint=_FROM_HERE)
    if found[0] < server_major:
        sentence = (
            f"pg_dump in the container {container} is {found[0]}.{found[1]}, older than the server, {server_major}"
        )
        raise Refused(sentence, hint=_FROM_HERE)
    return f"pg_dump {found[0]}.{found[1]}"


def program_folders(runbook: Runbook) -> Iterator[Path]:
    """Where programs of PostgreSQL may lie: in `locations.pg_bin`, in PATH, then the system's own, newest first."""
    named = runbook.locations.get("pg_bin", "")
    if named:
        yield runbook.resolve(named)
    on_path = shutil.which("pg_dump")
    # Debian's /usr/bin/pg_dump is a wrapper that chooses by a local cluster, which may be older than the server.
    if on_path and Path(on_path).resolve().name != "pg_wrapper":
        yield Path(on_path).resolve().parent
    if SYSTEM.is_dir():
        majors = sorted((path for path in SYSTEM.iterdir() if path.name.isdigit()), key=lambda path: -int(path.name))
        yield from (path / "bin" for path in majors)


def major_of(program: Path) -> int:
    """The major version that a program of PostgreSQL tells; 0 when it is not there or tells none."""
    return (_version(program) or (0, 0))[0]


def _version(program: Path) -> tuple[int, int] | None:
    try:
        return _ask(program, program.stat().st_mtime_ns)
    except OSError:
        return None


@functools.cache
def _ask(program: Path, changed: int) -> tuple[int, int] | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _told(said.stdout)


def _told(text: str) -> tuple[int, int] | None:
    match = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2] or 0)) if match else None
