"""Finds the processes of a drill by working directory, arguments or parent, and ends them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from midwatch.system.process import ProcessIdentity, boot_id, descendants


def working_in(folders: list[Path], program: str) -> list[ProcessIdentity]:
    """Processes of this program whose working directory is one of these folders, or was before it was removed."""
    import psutil

    texts = {str(folder) for folder in folders}
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            where, what = (
                str(Path(f"/proc/{pid}/{link}").readlink()).removesuffix(" (deleted)") for link in ("cwd", "exe")
            )
            if where in texts and Path(what).name == program and (process := ProcessIdentity.of(pid)):
                found.append(process)
    return found


def naming(word: str, prefix: str) -> list[ProcessIdentity]:
    """Processes of this user whose argument list has `word` and an argument that begins with `prefix`."""
    import psutil

    found = []
    for process in psutil.process_iter(["uids", "cmdline"]):
        uids, arguments = process.info["uids"], process.info["cmdline"] or ()
        if uids is None or uids.effective != os.geteuid():  # anybody can start a process with such arguments
            continue
        if (
            word in arguments
            and any(a.startswith(prefix) for a in arguments)
            and (one := ProcessIdentity.of(process.pid))
        ):
            found.append(one)
    return found


def with_descendants(roots: list[ProcessIdentity]) -> list[ProcessIdentity]:
    """These processes and everything that they started, as far as it still belongs to them."""
    found = {root.pid: root for root in roots}
    for pid, stat in descendants(found).items():
        found.setdefault(pid, ProcessIdentity(pid, stat.start, boot_id()))
    return list(found.values())


def end(processes: list[ProcessIdentity], first: signal.Signals, grace: float) -> None:
    """Signal them all, wait at most `grace` seconds together, and kill what is left."""
    for process in processes:
        send(process, first)
    deadline = time.monotonic() + grace
    for process in processes:
        if not wait(process, deadline - time.monotonic()):
            send(process, signal.SIGKILL)
            wait(process, 2.0)


def send(process: ProcessIdentity, number: signal.Signals) -> None:
    """Send it a signal, if it still runs and is ours."""
    with contextlib.suppress(PermissionError):
        process.send(number)


def wait(process: ProcessIdentity, seconds: float) -> bool:
    """Wait for its end, at most so long. True when it has ended."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return not process.alive
    try:
        if process.alive:
            select.select([descriptor], [], [], max(0.0, seconds))
    finally:
        os.close(descriptor)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return not process.alive
