"""The nearly full volume: a real file system if this machine can mount one, otherwise a folder with a quota."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.units import size
from probes.storage.disk_usage import files_below

LABEL = "quota of the drill"
SOURCE = "midwatch-drill"
"""What `df` shows as the file system's source."""
AT_FIRST = 1 << 30
"""Bytes that the file system may take while it is being filled; fitted to its contents afterwards."""
SPARE = 600 << 20
"""Bytes of memory that have to be left before backups are kept in memory."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Where nightly backups lie."""

    path: Path
    mounted: bool

    def fit(self, percent: float) -> str:
        """Make what is on it fill it to `percent`. Returns the budget for the disk panel, or nothing when it is
        real."""
        if not self.mounted:
            used = sum(found for _, found in files_below(self.path))
            return f"{self.path.name}={math.ceil(used * 100 / percent)}={LABEL}"
        found = os.statvfs(self.path)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        total = math.ceil(used * 100 / percent / found.f_frsize) * found.f_frsize
        _mount(["-o", f"remount,size={total}", str(self.path)])
        return ""


def open_volume(path: Path, say: Callable[[str], None]) -> Volume:
    """Make the folder and mount a file system on it if that is possible here; the caller has recorded where."""
    path.mkdir()
    why = why_not()
    if not why:
        try:
            _mount(["-t", "tmpfs", "-o", f"size={AT_FIRST},mode=0755,nosuid,nodev,noexec", SOURCE, str(path)])
        except OSError as error:
            why = str(error)
    if why:
        say(f"The volume is a folder with a quota: {why}")
        return Volume(path, mounted=False)
    return Volume(path, mounted=True)


def why_not() -> str:
    """Why nothing is mounted here; empty when it should be tried."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    left = memory_left()
    if left < SPARE:
        return f"{size(left)} of memory is too little to keep backups in it"
    return ""


def memory_left() -> int:
    """Bytes of memory that may still be used here, by the machine's account and by the control group's."""
    import psutil

    left = [AT_FIRST, psutil.virtual_memory().available]
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        left.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return min(left)


def _mount(arguments: list[str]) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "mount failed")
