"""Kernel settings of the supervisor: adopt orphans, deny tracing by others, avoid the OOM killer."""

from __future__ import annotations

import contextlib
import ctypes
import resource
from pathlib import Path

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_SPARED = "-500"
_OOM = Path("/proc/self/oom_score_adj")


def adopt_orphans() -> None:
    """From now on, a descendant whose parent ends becomes our child, not init's (PR_SET_CHILD_SUBREAPER)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def close_to_inspection() -> None:
    """No core dump, and no memory or environment read by other processes of the same user (PR_SET_DUMPABLE).

    The step inherits the limit. One byte is too small for any core in a file, and the one limit by which the kernel
    also starts no program that would take the core (`core_pattern` with `|`, core(5)): it passes a limit of 0 over
    there.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    _prctl(_PR_SET_DUMPABLE, 0)


def spare_from_memory_shortage() -> str:
    """Let the kernel end others first when memory runs out, where we may; the value before, for the step itself."""
    try:
        before = _OOM.read_text(encoding="ascii").strip()
        _OOM.write_text(_SPARED, encoding="ascii")
    except OSError:  # only root may ask for it
        return ""
    return before


def as_before_memory_shortage(before: str) -> None:
    """Undo `spare_from_memory_shortage` in the step's own process."""
    if before:
        with contextlib.suppress(OSError):
            _OOM.write_text(before, encoding="ascii")


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
