"""Writes what a command exports, whole or not at all, and reads what the user has set."""

from __future__ import annotations

import os
from pathlib import Path

from midwatch.errors import BadInput, Failed, Place
from midwatch.system.trusted_files import atomic_write, open_regular

_LARGEST = 64_000


def write_text(path: Path, text: str) -> None:
    """Replace `path` with this text in one move; the former file stays if that fails. Raises `Failed`.

    What is no file, such as a pipe or `/dev/null`, is written to as it is: root could replace it, for everybody.
    """
    try:
        if is_special(path):
            _write_special(path, text)
        else:
            atomic_write(path, text.encode("utf-8"), mode=0o644, trust=None)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror or error}", hint="Name another place") from error


def _write_special(path: Path, text: str) -> None:
    """Write to a pipe or a device as it is; a pipe that nobody reads is an error, and is not waited for."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def read_own(file: Path, what: str) -> str:
    """A file of the user's own settings; empty when none can be seen. Raises `BadInput`, which calls it `what`."""
    try:
        with os.fdopen(open_regular(file), encoding="utf-8") as open_file:
            return open_file.read(_LARGEST)
    except Failed as error:
        reason = "Is a directory" if file.is_dir() else "it is not a regular file"
        raise BadInput(f"{what} cannot be read: {reason}", place=Place(str(file))) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} cannot be read: {error}", place=Place(str(file))) from error
    except OSError as error:
        if _out_of_sight(file):
            return ""
        raise BadInput(f"{what} cannot be read: {error.strerror or error}", place=Place(str(file))) from error


def _out_of_sight(path: Path) -> bool:
    """Whether nothing can be seen there: it is missing, or lies behind what is no folder or may not be entered."""
    try:
        path.lstat()
    except OSError:
        return True
    return False


def is_special(path: Path) -> bool:
    """Whether something lies there that is no file: a device, a pipe, a folder."""
    return path.exists() and not path.is_file()
