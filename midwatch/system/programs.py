"""Programs that are started by name: whether the PATH has one, and why one could not be started."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def is_on_path(program: str, environment: Mapping[str, str]) -> bool:
    """Whether a program of this name lies in any folder of the PATH that can be entered."""
    folders = os.get_exec_path(environment)
    return "/" in program or any(os.path.exists(f"{folder or '.'}/{program}") for folder in folders)  # noqa: PTH110


def start_errno(error: OSError, program: str, environment: Mapping[str, str]) -> int:
    """The number of the error with which the start of a program failed.

    Starting a program that is nowhere fails with EACCES as soon as one folder of the PATH may not be entered; a shell
    calls that not found.
    """
    missing = error.errno == errno.EACCES and not is_on_path(program, environment)
    return errno.ENOENT if missing else error.errno or 0


def started_as(arguments: Sequence[str] | None = None) -> str:
    """The command that brings an operator back to this incident: the program with its path, and its runbook.

    The path is left out where the PATH leads to the same file.
    """
    program, *words = sys.argv if arguments is None else arguments
    if Path(program).name != "midwatch":
        return "midwatch"
    found = shutil.which("midwatch")
    kept = ["midwatch" if found is not None and os.path.realpath(found) == os.path.realpath(program) else program]
    rest = iter(words)
    for word in rest:
        if word in ("--site", "--incident"):
            kept += [word, next(rest, "")]
        elif word in ("--input", "--take-over"):
            next(rest, "")
        elif Path(word).is_file() or word.startswith(("--site=", "--incident=")):
            kept.append(word)
    return shlex.join(kept)
