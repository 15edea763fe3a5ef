"""Writes what a command exports, whole or not at all, and reads what the user has set."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from midwatch.errors import BadInput, Failed, Place

_LARGEST = 64_000


def write_text(path: Path, text: str) -> None:
    """Replace `path` with this text in one move; the former file stays if that fails. Raises `Failed`.

    What is no file, such as a pipe or `/dev/null`, is written to as it is: root could replace it, for everybody.
    """
    partial = ""
    try:
        if is_special(path):
            path.write_text(text, encoding="utf-8")
            return
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except OSError as error:
        if partial:
            with contextlib.suppress(OSError):
                Path(partial).unlink()
        raise Failed(f"{path} cannot be written: {error.strerror or error}", hint="Name another place") from error


def read_own(file: Path, what: str) -> str:
    """A file of the user's own settings; empty when none can be seen. Raises `BadInput`, which calls it `what`."""
    try:
        with file.open(encoding="utf-8") as open_file:
            return open_file.read(_LARGEST)
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
