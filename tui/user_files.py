"""Writes exported files atomically, and reads the user's settings files."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from midwatch.system.errors import BadInput, Failed, OutcomeUnknown, SourceLocation
from midwatch.system.home import expanded
from midwatch.system.mounts import require_answer
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import atomic_write, read_trusted

_MODE = 0o644
"""Of an export: what it holds is masked, and whoever gets it has to read it."""
_LIMIT_BYTES = 64_000


def write_text(path: Path, text: str) -> None:
    """Replace `path` with this text: see `write_bytes`."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` with this content in one move; the former file stays if that fails. Raises `Failed`.

    What is no file, such as a pipe or `/dev/null`, is written to as it is: root could replace it, for everybody. A pipe
    that nobody reads is not waited for.
    """
    require_answer(path)
    try:
        if is_special(path):
            _write_special(path, content)
        else:
            atomic_write(path, content, mode=_MODE, trust=None)
    except OSError as error:
        why = "nobody reads from it" if error.errno == errno.ENXIO else error.strerror or error
        raise Failed(f"{path} cannot be written: {why}", hint="Name another place") from error


def _write_special(path: Path, content: bytes) -> None:
    """Write to a pipe or a device as it is; a pipe that nobody reads is an error, and is not waited for."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def read_own(file: Path, what: str) -> str:
    """A file of the user's own settings; empty when none can be seen. Raises `BadInput`, which calls it `what`.

    One that is another user's, or that others can change, is passed over like one that is not there: its keys would do
    something else than this user thinks, and nobody is kept out of the screen by it.
    """
    try:
        require_answer(file)
        return read_trusted(file, Trust.own().shared(), limit_bytes=_LIMIT_BYTES).decode("utf-8")
    except UntrustedFile:
        if is_special(file):
            why = "Is a directory" if file.is_dir() else "it is not a regular file"
            raise BadInput(f"{what} cannot be read: {why}", place=SourceLocation(str(file))) from None
        return ""
    except OutcomeUnknown:  # as if it were not there: a home on a dead mount keeps nobody out of the screen
        return ""
    except (UnicodeDecodeError, Failed) as error:
        why = error.sentence if isinstance(error, Failed) else str(error)
        raise BadInput(f"{what} cannot be read: {why}", place=SourceLocation(str(file))) from error
    except OSError as error:
        if _out_of_sight(file):
            return ""
        raise BadInput(f"{what} cannot be read: {error.strerror or error}", place=SourceLocation(str(file))) from error


def parse_own(text: str, file: Path, what: str, hint: str) -> dict[str, Any]:
    """The keys and values in such a file; none where only remarks stand. Raises `BadInput`, with the position."""
    from midwatch.runbook.yaml_loader import Table, parse_yaml, plain

    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        return {}
    node, problems = parse_yaml(text, str(file))
    if problems:
        raise problems[0]
    if not isinstance(node, Table):
        raise BadInput(f"{what} are no names and values", place=SourceLocation(str(file)), hint=hint)
    return {key: plain(entry.node) for key, entry in node.entries.items()}


def _out_of_sight(path: Path) -> bool:
    """Whether nothing can be seen there: it is missing, or lies behind what is no folder or may not be entered."""
    try:
        path.lstat()
    except OSError:
        return True
    return False


def is_special(path: Path) -> bool:
    """Whether something lies there that is no file: a device, a pipe, a folder. A link of another user's is none of
    these."""
    if path.is_symlink() and path.lstat().st_uid not in Trust.own().owners:
        return False
    return path.exists() and not path.is_file()


def config_file(variable: str, name: str, environment: Mapping[str, str] | None) -> Path:
    """The file that this environment variable names, else `name` in the person's configuration folder for midwatch."""
    found = os.environ if environment is None else environment
    if found.get(variable):
        return expanded(found[variable])
    import platformdirs

    return platformdirs.user_config_path("midwatch") / name
