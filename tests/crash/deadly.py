"""A process that forks drivers of an incident, each of which dies at one chosen fault point.

A fault point stands before every system call with which a driver changes anything: making, opening for writing,
renaming, cutting, reserving and locking a file, writing (also half-way through), putting on disk, starting a program,
telling and hearing its supervisor. Dying after a call is dying before the next one, so this leaves no state out.

One line of JSON a job on stdin: {"folder", "die_at"}; one line on stdout: {"exit", "points": [labels]}. `die_at` 0
records the points of a whole run. "only": points whose labels hold this text. "incident": the module that finishes
the incident; the small one by default. A job with "deeds" is one life of a wandering incident; "told" in its answer
is what it said on its way.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

DIED = 99
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_AUDITED = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "subprocess.Popen", "os.link"}

_ONE_OF_MANY = re.compile(r"file-(?!00)\d\d")
"""Empty files that are made and removed in a row: dying among them is tried elsewhere, for each of them."""


class Points:
    """Counts the fault points of this process, and ends it at one of them."""

    def __init__(self, die_at: int, only: str = "") -> None:
        self.die_at, self.only = die_at, only
        self.labels: list[str] = []
        self.on = True
        self._mutex = threading.Lock()

    def reached(self, label: str) -> bool:
        """Count a point; true when it is the one to die at."""
        with self._mutex:
            if not self.on or self.only not in label:
                return False
            self.labels.append(label)
            return len(self.labels) == self.die_at

    def pass_by(self, label: str) -> None:
        if self.reached(label):
            die()


def die() -> NoReturn:
    os._exit(DIED)


def lay_mines(points: Points) -> None:
    """Put a fault point before every call that changes anything."""

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in ("open", "os.remove") and _ONE_OF_MANY.fullmatch(_short(args[0])):
            return
        if event == "open" and isinstance(args[2], int) and args[2] & _WRITING:
            points.pass_by(f"open {_short(args[0])}")
        elif event in _AUDITED or (event == "fcntl.fcntl" and args[1] == fcntl.F_OFD_SETLK):
            points.pass_by(f"{event} {_short(args[0])}")

    sys.addaudithook(audit)
    write, pwrite = os.write, os.pwrite

    def dying_write(descriptor: int, data: Any) -> int:
        points.pass_by("write")
        if points.reached("half a write"):
            write(descriptor, bytes(data)[: len(data) // 2])
            die()
        return write(descriptor, data)

    def dying_pwrite(descriptor: int, data: Any, offset: int) -> int:
        points.pass_by("pwrite")
        if points.reached("half a pwrite"):
            pwrite(descriptor, bytes(data)[: len(data) // 2], offset)
            die()
        return pwrite(descriptor, data, offset)

    os.write, os.pwrite = dying_write, dying_pwrite
    for name in ("fsync", "fdatasync", "posix_fallocate"):
        _before(points, os, name)
    for name in ("sendall", "recv"):
        _before(points, socket.socket, name)


def _before(points: Points, where: Any, name: str) -> None:
    real = getattr(where, name)

    def mined(*args: Any) -> Any:
        points.pass_by(name)
        return real(*args)

    setattr(where, name, mined)


def _short(name: object) -> str:
    return Path(os.fsdecode(name)).name if isinstance(name, str | bytes) else str(name)


def drive(job: dict[str, Any], told: Callable[[bytes], object]) -> None:
    from tests.crash import loop_incident, small_incident, wandering

    if "deeds" in job:
        wandering.live(job, told)
        return
    folder = Path(job["folder"])
    os.chdir(folder)
    incident = loop_incident if job.get("incident") == "loop_incident" else small_incident
    incident.finish(small_incident.found(folder, actor="ada@test"))


def serve() -> None:
    import actions  # noqa: F401 - everything that a driver loads is loaded before the first point
    from tests.crash.small_incident import finish, found, lay_out

    warm = Path(sys.argv[1])
    lay_out(warm)
    os.chdir(warm)
    finish(found(warm, actor="warm@test"))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        job = json.loads(line)
        ours, theirs = os.pipe()
        write = os.write
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            points, code = Points(job["die_at"], job.get("only", "")), 1
            try:
                lay_mines(points)
                drive(job, partial(write, theirs))
                code = 0
            except BaseException as error:  # the test shows it
                points.labels.append(f"{type(error).__name__}: {error}")
            points.on = False
            write(theirs, json.dumps(points.labels).encode())
            os._exit(code)
        os.close(theirs)
        with os.fdopen(ours) as pipe:
            told = [json.loads(line) for line in pipe]
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        points_passed = [] if code == DIED else told.pop()
        sys.stdout.write(json.dumps({"exit": code, "points": points_passed, "told": told}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
