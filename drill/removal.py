"""Taking a drill down from its record alone, so that any process can do it, at any moment of the drill's life.

What it removes: supervised steps that still run, servers, shared memory, the mount, folders, and at last the record. Each
part may be gone already. It imports nothing outside the standard library but the drill's own records, and where there were
containers, Docker's library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from drill.processes import end, naming, send, wait, with_descendants, working_in
from drill.record import Record, drills_folder, records
from midwatch.errors import Failed
from midwatch.process import Process, boot_id

STOP_GRACE = 8.0
"""Seconds that a supervisor has to end its step before it is killed."""


def tear_down(record: Record) -> None:
    """Remove everything of this drill. Harmless when some or all of it is gone. Raises `Failed` naming what is left."""
    with record.held():
        current = Record.load(record.file)
        if current is not None:
            _remove(current)
        elif not record.file.exists():
            _forget(record)
            return
    janitor = current.janitor if current else None
    if janitor and janitor != Process.current():
        end([janitor], signal.SIGKILL, 2.0)


def sweep(*, waiting: bool = False) -> list[str]:
    """Tear down every drill whose owner and janitor are both gone (killed, or the machine was restarted).

    With `waiting`, also those whose owner is gone and whose janitor still waits for a new one. Returns the folders that
    were removed. Raises `Failed` when something cannot be removed.
    """
    swept, left = [], []
    for record in records():
        owned = record.owner is not None and record.owner.alive
        if not record.looked_after or (waiting and not owned):
            try:
                tear_down(record)
                swept.append(record.folder)
            except Failed as error:
                left.append(error)
    if left:
        raise left[0]
    return swept


def _remove(record: Record) -> None:
    folder, finished = Path(record.folder), record.ready
    if record.ready:  # should we be killed now, the janitor must not wait for somebody to come back
        record.ready = False
        record.save()
    # Supervisors first: they end their steps' whole process groups themselves when asked to.
    supervisors = naming("midwatch.supervisor", f"{folder}/")
    end_tree(supervisors)
    clusters = [Path(text) for text in record.clusters]
    end(working_in(clusters, "postgres"), signal.SIGQUIT, STOP_GRACE)
    end(working_in(clusters, "postgres"), signal.SIGKILL, 2.0)  # a child that was being born meanwhile
    if record.owner is not None and record.owner.boot == boot_id():  # else its numbers may be somebody else's by now
        for cluster in clusters:
            release(cluster)
    in_docker = _from_engine(record, finished)
    if record.mount:
        unmount(Path(record.mount))
    left = [str(path) for path in {folder, Path(record.den or folder)} if not erase(path)]
    if left:
        raise Failed(f"Of the drill, {' and '.join(left)} could not be removed", hint="Remove it by hand: rm -rf")
    if in_docker:
        raise Failed(f"Of the drill, {in_docker} could not be removed", hint="Later: midwatch drill --clean")
    _forget(record)


def _from_engine(record: Record, finished: bool) -> str:
    """Take its containers away. Returns what is left of them; empty when nothing is, or there never was anything."""
    if not record.label:
        return ""
    from drill.containers_gone import remove_labelled

    return remove_labelled(record.engine, record.label, finished=finished)


def end_tree(supervisors: list[Process]) -> None:
    """Ask supervisors to end their steps, and kill whatever of them is left."""
    tree = with_descendants(supervisors)
    for supervisor in supervisors:
        send(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + STOP_GRACE
    left = [one for one in supervisors if not wait(one, deadline - time.monotonic())]
    # Looked for again while their supervisor lives: what a step starts meanwhile is nobody's once that is gone.
    end([*with_descendants(left), *tree], signal.SIGKILL, 2.0)


def release(cluster: Path) -> None:
    """Remove the System V segment that a server's lock file names: a killed server leaves both behind."""
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        segment = int((cluster / "postmaster.pid").read_text().splitlines()[6].split()[1])
        ctypes.CDLL(None).shmctl(segment, 0, None)  # 0 is IPC_RMID


def is_mounted(path: Path) -> bool:
    """Whether a file system is mounted exactly here."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return path.is_mount()
    wanted = str(path).replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")
    return any(line.split()[1] == wanted for line in lines)


def unmount(path: Path) -> None:
    """Take the file system away, at once from the tree, and from memory as soon as nobody uses it any more."""
    while is_mounted(path):
        done = subprocess.run(["umount", "--lazy", str(path)], capture_output=True, text=True, timeout=10, check=False)
        if done.returncode != 0:
            raise Failed(f"{path} cannot be unmounted: {done.stderr.strip()}", hint=f"Try it by hand: umount --lazy {path}")


def erase(folder: Path) -> bool:
    """Remove a folder with all that is in it, also when something is still being written there. True when it is gone."""
    deadline = time.monotonic() + 5.0
    while folder.exists() or folder.is_symlink():
        if is_mounted_below(folder):  # never empty a file system that we did not unmount
            return False
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            return not folder.exists()
    return True


def is_mounted_below(folder: Path) -> bool:
    """Whether some file system is mounted inside the folder."""
    try:
        return any(line.split()[1].startswith(f"{folder}/") for line in Path("/proc/self/mounts").read_text().splitlines())
    except OSError:
        return False


def _forget(record: Record) -> None:
    for file in (*record.file.parent.glob(f"{record.file.stem}.*.partial"), record.file, record.lock):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.rmdir(drills_folder())  # noqa: PTH106 - only when it is empty, and not an error otherwise
