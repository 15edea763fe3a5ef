"""Writes what a command exports, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from midwatch.errors import Failed


def write_text(path: Path, text: str) -> None:
    """Replace `path` with this text in one move; the former file stays if that fails. Raises `Failed`."""
    partial = ""
    try:
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
