"""Programs that are started by name: whether the PATH has one, and why one could not be started."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping


def is_on_path(program: str, environment: Mapping[str, str]) -> bool:
    """Whether a program of this name lies in any folder of the PATH that can be entered."""
    folders = os.get_exec_path(environment)
    return "/" in program or any(os.path.exists(f"{folder or '.'}/{program}") for folder in folders)  # noqa: PTH110


def start_errno(error: OSError, program: str, environment: Mapping[str, str]) -> int:
    """The number of the error with which the start of a program failed.

    Starting a program that is nowhere fails with EACCES as soon as one folder of the PATH may not be entered; a shell calls
    that not found.
    """
    missing = error.errno == errno.EACCES and not is_on_path(program, environment)
    return errno.ENOENT if missing else error.errno or 0
