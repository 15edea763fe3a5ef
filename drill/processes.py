"""Which process is meant: a pid together with its start time and the machine's boot, so that a reused pid never passes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


def boot_id() -> str:
    """What is different after each boot of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, for good: no other process will ever equal it."""

    pid: int
    started: int
    """Clock ticks after boot, from /proc/PID/stat."""
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this pid now; None when there is none, or only a zombie."""
        stat = _stat(pid)
        return None if stat is None else cls(pid, stat[1], boot_id())

    @classmethod
    def current(cls) -> Self:
        """This very process."""
        found = cls.of(os.getpid())
        assert found is not None
        return found

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return Process.of(self.pid) == self

    def send(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long. True when it has ended."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return not self.alive
        try:
            if self.alive:
                select.select([descriptor], [], [], max(0.0, seconds))
        finally:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return not self.alive

    def to_json(self) -> dict[str, Any]:
        return {"pid": self.pid, "started": self.started, "boot": self.boot}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(int(data["pid"]), int(data["started"]), str(data["boot"]))


def _stat(pid: int) -> tuple[int, int] | None:
    """Parent and start time of a process that is not a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else (int(fields[1]), int(fields[19]))


def _all() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def working_in(folders: list[Path], program: str) -> list[Process]:
    """Processes of this program whose working directory is one of these folders, or was before it was removed."""
    texts = {str(folder) for folder in folders}
    found = []
    for pid in _all():
        with contextlib.suppress(OSError):
            where, what = (str(Path(f"/proc/{pid}/{link}").readlink()).removesuffix(" (deleted)") for link in ("cwd", "exe"))
            if where in texts and Path(what).name == program and (process := Process.of(pid)):
                found.append(process)
    return found


def naming(word: str, prefix: str) -> list[Process]:
    """Processes whose argument list has `word` and an argument that begins with `prefix`."""
    found = []
    for pid in _all():
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if word in arguments and any(a.startswith(prefix) for a in arguments) and (process := Process.of(pid)):
            found.append(process)
    return found


def with_descendants(roots: list[Process]) -> list[Process]:
    """These processes and everything that they started, as far as it still belongs to them."""
    children: dict[int, list[int]] = {}
    for pid in _all():
        stat = _stat(pid)
        if stat:
            children.setdefault(stat[0], []).append(pid)
    found = {root.pid: root for root in roots}
    waiting = list(found)
    while waiting:
        for pid in children.get(waiting.pop(), []):
            if pid not in found and (process := Process.of(pid)):
                found[pid] = process
                waiting.append(pid)
    return list(found.values())


def end(processes: list[Process], first: int, grace: float) -> None:
    """Signal them all, wait at most `grace` seconds together, and kill what is left."""
    for process in processes:
        process.send(first)
    deadline = time.monotonic() + grace
    for process in processes:
        if not process.wait(deadline - time.monotonic()):
            process.send(signal.SIGKILL)
            process.wait(2.0)
