"""Removes a drill by its record alone, so that any process can do so at any time.

What it removes: supervised steps that still run, servers, shared memory, the mount, folders, and at last the record.
Each part may be gone already. A record that is not believed is named and left alone, and so is a folder that is not
that drill's. It imports nothing outside the standard library but the drill's own records, and where there were
containers, Docker's library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from drill.process_scan import end, naming, send, wait, with_descendants, working_in
from drill.state import MARKER, DrillState, drills_folder, own_trust, require_own_folder, survey
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.mounts import read_mounts
from midwatch.system.process import ProcessIdentity, boot_id
from midwatch.system.trusted_files import open_folder, read_regular, remove_tree

PID_FILE_LIMIT_BYTES = 4096
STOP_GRACE = 8.0
"""Seconds that a supervisor has to end its step before it is killed."""


def tear_down(record: DrillState) -> None:
    """Remove everything of this drill. Harmless when some or all of it is gone.

    Raises `Failed` naming what is left, and what `Record.load` raises for a record that is not believed.
    """
    with record.held():
        current = DrillState.load(record.file)
        if current is None:
            _forget(record)
            return
        reapers = naming("drill.reaper", str(record.file))
        _remove(current)
    if current.reaper in reapers and current.reaper != ProcessIdentity.current():
        end([current.reaper], signal.SIGKILL, 2.0)


def sweep(*, waiting: bool = False) -> list[str]:
    """Tear down every drill whose owner and reaper are both gone (killed, or the machine was restarted).

    With `waiting`, also those whose owner is gone and whose reaper still waits for a new one. Returns the folders that
    were removed. Raises `Failed` when something cannot be removed or a record is not believed, after all others are
    removed.
    """
    found, refused = survey()
    swept, left = list[str](), [str(error) for error in refused]
    for record in found:
        owned = record.owner is not None and record.owner.alive
        if not record.looked_after or (waiting and not owned):
            try:
                tear_down(record)
                swept.append(record.folder)
            except MidwatchError as error:
                left.append(str(error))
    if left:
        raise Failed(" ".join(left))
    return swept


def _remove(record: DrillState) -> None:
    folder, finished = Path(record.folder), record.ready
    if record.ready:  # should we be killed now, the reaper must not wait for somebody to come back
        record.ready = False
        record.save()
    # Supervisors first: they end their steps' whole process groups themselves when asked to.
    supervisors = naming("midwatch.supervisor", f"{folder}/")
    end_tree(supervisors)
    end_tree(naming("midwatch.outbox", f"{folder}/"))
    clusters = record.clusters
    end(working_in(clusters, "postgres"), signal.SIGQUIT, STOP_GRACE)
    end(working_in(clusters, "postgres"), signal.SIGKILL, 2.0)  # a child that was being born meanwhile
    if record.owner is not None and record.owner.boot == boot_id():  # else its numbers may be somebody else's by now
        for cluster in clusters:
            release(cluster)
    in_docker = _from_engine(record, finished)
    unmount(record.mount)
    left = [str(path) for path in {folder, Path(record.server_directory or folder)} if not erase(path, record)]
    if left:
        raise Failed(f"Of the drill, {' and '.join(left)} could not be removed", hint="Remove it manually: rm -rf")
    if in_docker:
        raise Failed(f"Of the drill, {in_docker} could not be removed", hint="Later: midwatch drill --clean")
    _forget(record)


def _from_engine(record: DrillState, finished: bool) -> str:
    """Take its containers away. Returns what is left of them; empty when nothing is, or there never was anything."""
    if not record.label:
        return ""
    from drill.servers.container_cleanup import remove_labelled

    return remove_labelled(record.engine, record.label, finished=finished)


def end_tree(supervisors: list[ProcessIdentity]) -> None:
    """Ask supervisors to end their steps, and kill whatever of them is left."""
    tree = with_descendants(supervisors)
    for supervisor in supervisors:
        send(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + STOP_GRACE
    left = [one for one in supervisors if not wait(one, deadline - time.monotonic())]
    # Looked for again while their supervisor lives: what a step starts meanwhile is nobody's once that is gone.
    end([*with_descendants(left), *tree], signal.SIGKILL, 2.0)


def release(cluster: Path) -> None:
    """Remove the System V segment that a server's lock file names: a killed server leaves both behind.

    The servers' user writes that file, so a segment of somebody else, or one that is in use, stays.
    """
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError, Failed):
        lines = read_regular(cluster / "postmaster.pid", limit_bytes=PID_FILE_LIMIT_BYTES).split(b"\n")
        segment, owner = int(lines[6].split()[1]), cluster.stat().st_uid
        for line in Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]:
            row = line.split()
            if (int(row[1]), int(row[6]), int(row[7])) == (segment, 0, owner):
                ctypes.CDLL(None).shmctl(segment, 0, None)  # 0 is IPC_RMID


def is_mounted(path: Path) -> bool:
    """Whether a file system is mounted exactly here."""
    return path in _mounts()


def unmount(path: Path) -> None:
    """Take the file system away, at once from the tree, and from memory as soon as nobody uses it any more."""
    while is_mounted(path):
        done = subprocess.run(["umount", "--lazy", str(path)], capture_output=True, text=True, timeout=10, check=False)
        if done.returncode != 0:
            raise Failed(
                f"{path} cannot be unmounted: {done.stderr.strip()}", hint=f"Try it manually: umount --lazy {path}"
            )


def erase(folder: Path, record: DrillState) -> bool:
    """Remove a folder of this drill with all that is in it, also when something is still being written there.

    True when it is gone. No link is followed; the marker goes last. Raises `Failed` when the folder is not this
    drill's.
    """
    deadline = time.monotonic() + 5.0
    while os.path.lexists(folder):
        require_own_folder(folder, record)
        if is_mounted_below(folder):  # never empty a file system that we did not unmount
            return False
        with contextlib.suppress(FileNotFoundError):
            parent = open_folder(folder.parent, own_trust())
            try:
                _empty(folder.name, parent)
            finally:
                os.close(parent)
        if time.monotonic() > deadline:
            return not folder.exists()
    return True


def _empty(name: str, parent: int) -> None:
    """Remove what can be removed of this folder, by descriptors alone."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name == MARKER):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    remove_tree(entry.name, dir_fd=folder)
                elif entry.name != MARKER or len(os.listdir(folder)) == 1:  # noqa: PTH208 - an open folder
                    os.unlink(entry.name, dir_fd=folder)
    finally:
        os.close(folder)
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=parent)


def is_mounted_below(folder: Path) -> bool:
    """Whether some file system is mounted inside the folder."""
    return any(folder in point.parents for point in _mounts())


def _mounts() -> set[Path]:
    """Every mount point. Raises `Failed`: without them nothing may be removed."""
    found = set(read_mounts())
    if not found:
        raise Failed("The mounts of this machine cannot be read", hint="Is /proc mounted?")
    return found


def _forget(record: DrillState) -> None:
    for file in (*record.file.parent.glob(f".{record.file.name}.*.part"), record.file, record.lock):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.rmdir(drills_folder())  # noqa: PTH106 - only when it is empty, and not an error otherwise
