"""A kernel control group for one step. It holds all processes of the step, whatever their session, group or parent.

It is made where we may make one: by root, or below a group that was delegated to us. The kernel ends all that is in
it at once (`cgroup.kill`), so nothing gets away by forking faster than it is looked for, and after the end of
the supervisor it still tells what runs on.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from midwatch.system.process import ProcessIdentity, boot_id

_NAME = re.compile(r"midwatch-(\d+)-(\d+)")


class ControlGroup:
    """One group, of version 2 of the kernel's hierarchy."""

    def __init__(self, path: Path) -> None:
        """Of a group that is there or was; `make` makes one."""
        self.path = path

    @classmethod
    def make(cls, pid: int, root: Path = Path("/")) -> Self | None:
        """A group for this process, below our own, with the process in it. None where there can be none."""
        own, me = _own_group(root), ProcessIdentity.of(os.getpid())
        if own is None or me is None:
            return None
        _sweep(own)
        made = cls(own / f"midwatch-{me.pid}-{me.start}")
        try:
            with contextlib.suppress(FileExistsError):  # of an earlier try
                made.path.mkdir()
            if not (made.path / "cgroup.kill").exists():
                raise FileNotFoundError
            (made.path / "cgroup.procs").write_text(str(pid), encoding="ascii")
        except OSError:  # not ours to make, a kernel before 5.14, or a group that takes no processes
            made.remove()
            return None
        return made

    def is_of(self, supervisor: ProcessIdentity, root: Path = Path("/")) -> bool:
        """Whether this is a group of the kernel's by the name that this supervisor gives to its own."""
        if self.path.name != f"midwatch-{supervisor.pid}-{supervisor.start}":
            return False
        found = self.path.resolve()
        return any(found.is_relative_to(at) for at, _ in _hierarchies(root))

    def members(self) -> set[int]:
        """Pids of all that is in it, and in groups that were made below it; empty when it is gone."""
        found: set[int] = set()
        for procs in self.path.rglob("cgroup.procs"):
            with contextlib.suppress(OSError, ValueError):  # gone this moment, or not one that lists processes
                found |= {int(line) for line in procs.read_text(encoding="ascii").split()}
        return found - {0}  # of another pid namespace

    def kill(self) -> None:
        """End all that is in it, at once. Never raises."""
        with contextlib.suppress(OSError):
            (self.path / "cgroup.kill").write_text("1", encoding="ascii")

    def remove(self, *, within: float = 0.0) -> bool:
        """Remove it, waiting `within` seconds for the end of what was killed. False while something is in it."""
        deadline = time.monotonic() + within
        while not _remove(self.path):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True


def _own_group(root: Path) -> Path | None:
    """The folder of the group that we are in; None where version 2 is not there or does not show it."""
    try:
        groups = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    ours = next((line[3:] for line in groups if line.startswith("0::/")), None)
    for at, top in _hierarchies(root) if ours is not None else ():
        inside = os.path.relpath(ours or "/", top)
        if ".." not in Path(ours or "/").parts + Path(inside).parts:
            return at / inside
    return None


def _hierarchies(root: Path) -> Iterator[tuple[Path, str]]:
    """Where version 2 is mounted, and which group is the top one there."""
    try:
        mounts = (root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for mount in mounts:
        fields, _, kind = mount.partition(" - ")
        if kind.startswith("cgroup2 "):
            top, at = fields.split()[3:5]
            yield root / at.lstrip("/"), top


def _sweep(own: Path) -> None:
    """Remove empty groups of supervisors that have ended: something had outlived them, and has ended since."""
    boot = boot_id()
    with contextlib.suppress(OSError):
        for path in own.iterdir():
            named = _NAME.fullmatch(path.name)
            if named and not ProcessIdentity(int(named[1]), int(named[2]), boot).alive:
                _remove(path)


def _remove(path: Path) -> bool:
    try:
        for below in sorted((file.parent for file in path.rglob("cgroup.procs")), reverse=True):
            below.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
