"""The umask of Midwatch's processes, and the operator's umask, which the processes of steps keep."""

from __future__ import annotations

import os
from pathlib import Path

_OTHERS_NEVER_WRITE = 0o022
_operator: int | None = None


def keep_others_out() -> None:
    """Let nothing that this process makes be written by others, whatever umask the operator has. Call it at the
    start."""
    global _operator  # noqa: PLW0603 - there is one umask a process
    given = os.umask(_OTHERS_NEVER_WRITE)
    os.umask(given | _OTHERS_NEVER_WRITE)
    if _operator is None:
        _operator = given


def operator_umask() -> int:
    """The umask that this process was started with."""
    return _operator if _operator is not None else _present()


def _present() -> int:
    """Read and not set, which `os.umask` would do for all threads."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))
    except (OSError, StopIteration, ValueError):
        return _OTHERS_NEVER_WRITE
