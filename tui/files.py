"""Writes what a command exports, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from midwatch.errors import Failed


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


def out_of_sight(path: Path) -> bool:
    """Whether nothing can be seen there: it is missing, or lies behind what is no folder or may not be entered."""
    try:
        path.lstat()
    except OSError:
        return True
    return False


def is_special(path: Path) -> bool:
    """Whether something lies there that is no file: a device, a pipe, a folder."""
    return path.exists() and not path.is_file()
