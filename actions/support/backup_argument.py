"""Resolves the backup file that the operator named. No file is chosen automatically."""

from __future__ import annotations

from pathlib import Path

from midwatch.system.errors import BadInput
from midwatch.system.mounts import require_answer
from midwatch.system.units import first_few
from probes.backup.manifest import SUFFIX, stamped

SHOWN = 3
"""Names that a sentence lists."""


def named_backup(path: Path) -> Path:
    """The file at `path`, which may be a pattern that only one file matches.

    Raises `BadInput` when there is none, and when several match, for then it has to be said which;
    `OutcomeUnknown` when its mount does not answer.
    """
    require_answer(path)
    if path.is_file():
        return path
    if path.is_dir():
        found, what = _backups(path, "*"), f"{path} is a folder"
    elif any(letter in path.name for letter in "*?["):
        found, what = _backups(path.parent, path.name), f"{path} is a pattern"
    else:
        found = _backups(path.parent, f"{path.name.partition('-')[0]}*")
        hint = f"The newest of that kind is {found[0].name}" if found else "Name the backup file"
        raise BadInput(f"{path} is not there", hint=hint)
    if len(found) == 1 and not path.is_dir():
        return found[0]
    if not found:
        raise BadInput(f"{what}, and no backup matches it", hint="Name the backup file")
    names = first_few((one.name for one in found), SHOWN)
    number = "one file" if len(found) == 1 else f"{len(found)} files"
    raise BadInput(f"{what} with {number}, newest first: {names}", hint="Name the backup that is meant")


def _backups(folder: Path, pattern: str) -> list[Path]:
    """Files that may be meant, the newest first by what their names tell."""
    found = [
        one
        for one in folder.glob(pattern)
        if one.is_file() and not one.name.startswith(".") and not one.name.endswith(SUFFIX)
    ]
    return sorted(found, key=lambda one: (at.isoformat() if (at := stamped(one.name)) else "", one.name), reverse=True)
