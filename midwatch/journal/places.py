"""Where a journal goes on when its own disk takes no more events: files on other disks, named by the journal itself."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from midwatch.file_systems import in_memory
from midwatch.incident.events import Event, Kind


def named(events: Iterable[Event]) -> list[Path]:
    """Every file that a journal's events name as a place where it may go on, in the order named."""
    files = (file for event in events if event.kind == Kind.PLACES for file in event.body.get("files", ()))
    return list(dict.fromkeys(Path(file) for file in files if isinstance(file, str)))


def choose(journal: Path, declared: Path | None, before: Iterable[Path] = ()) -> tuple[list[Path], str]:
    """Files that could carry the journal on, the best one first, and what is wrong with the declared folder.

    The declared folder comes first, then usual folders on other file systems, those in memory last. A file named before
    for the same folder is named again. Nothing is made but the declared folder.
    """
    problem = ""
    folders = []
    if declared is not None:
        try:
            declared.mkdir(mode=0o700, parents=True, exist_ok=True)
            declared = declared.resolve()
        except OSError as error:
            problem = f"{declared} cannot be made: {error.strerror}"
        else:
            folders.append(declared)
            problem = "" if _takes_files(declared) else f"{declared} cannot be written"
    devices = {_device(journal.parent), *map(_device, folders)}
    usual = sorted(filter(_takes_files, _usual(os.environ)), key=in_memory)
    for folder in usual:
        if (device := _device(folder)) not in devices:
            devices.add(device)
            folders.append(folder)
    known = {file.parent: file for file in before}
    name = f"{journal.parent.name}.{secrets.token_hex(6)}.jsonl"  # where everybody may make files, nobody knows it before
    return [known.get(folder, folder / name) for folder in folders], problem


def _usual(environment: Mapping[str, str]) -> Iterator[Path]:
    yield Path(environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"))  # noqa: PTH111 - never raises
    yield from (Path("/var/tmp"), Path(tempfile.gettempdir()))  # noqa: S108 - the file's name cannot be guessed
    if "XDG_RUNTIME_DIR" in environment:
        yield Path(environment["XDG_RUNTIME_DIR"])
    yield Path("/dev/shm")  # noqa: S108


def _takes_files(folder: Path) -> bool:
    try:
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    except OSError:
        return False
    return folder.is_dir() and not read_only and os.access(folder, os.W_OK | os.X_OK)


def _device(folder: Path) -> int:
    return folder.stat().st_dev
