"""Decides which processes belong to an attempt, from the kernel's data and never from files in a shared folder."""

from __future__ import annotations

import os
from pathlib import Path

from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.step_outputs import ATTEMPT_VARIABLE, is_out_of_reach
from midwatch.system.errors import SHORTAGES
from midwatch.system.process import ProcessIdentity

PROGRAM = ("-m", "midwatch.supervisor")
"""What stands in a supervisor's command line before the attempt's folder."""


def is_supervisor(pid: int, folder: AttemptFolder) -> bool:
    """Whether this process supervises this attempt. Raises `OSError` when this process has too little of something to
    look."""
    words = command_line(pid).rstrip(b"\0").split(b"\0")
    if len(words) < 4 or tuple(words[-3:-1]) != tuple(map(os.fsencode, PROGRAM)):
        return False
    return words[-1] == os.fsencode(folder.path.absolute()) or _is_same(os.fsdecode(words[-1]), folder.path)


def is_at_work(supervisor: ProcessIdentity, folder: AttemptFolder) -> bool:
    """Whether the supervisor that the attempt's files or the journal name still runs. Raises `OSError` when nobody can
    look.

    Where others can write those files, the process has to be a supervisor of this attempt by its own command line.
    """
    return supervisor.alive and (is_out_of_reach(folder) or is_supervisor(supervisor.pid, folder))


def is_of_step(process: ProcessIdentity, folder: AttemptFolder) -> bool:
    """Whether this process came from this attempt's step.

    Where nobody else can write the attempt's files, they say so. Elsewhere the process's environment does, which the
    supervisor gave the step. One that may not be looked into counts as the step's: it cannot be signalled either.
    """
    if is_out_of_reach(folder):
        return True
    try:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    except PermissionError:
        return True
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        return False
    prefix = os.fsencode(f"{ATTEMPT_VARIABLE}=")
    values = [line.removeprefix(prefix) for line in environment.split(b"\0") if line.startswith(prefix)]
    return any(_is_same(os.fsdecode(value), folder.path) for value in values)


def command_line(pid: int) -> bytes:
    """Empty when there is no such process, or it has ended. Raises `OSError` when nobody can look."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        return b""


def _is_same(named: str, path: Path) -> bool:
    try:
        return Path(named).samefile(path)
    except (OSError, ValueError):
        return False
